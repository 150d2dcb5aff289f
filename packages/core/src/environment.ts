import { AppError } from './errors.ts';

/** A variable that an agent with the grant is given. Holds nothing secret: `{placeholder}` and `{base_url}` are filled in where the agent runs. */
export interface EnvironmentVariable {
  readonly name: string;
  readonly value: string;
}

const maxVariables = 16;
const maxCharacters = 4_096;
/** Variables that choose what code a program loads or where its traffic goes: a credential's description must not. */
const reserved =
  /^(?:PATH|IFS|ENV|BASH_ENV|SHELLOPTS|NODE_OPTIONS|JAVA_TOOL_OPTIONS|PYTHON(?:PATH|HOME|STARTUP)|PERL5(?:LIB|OPT)|RUBY(?:LIB|OPT)|(?:LD|DYLD|LEASEHOLD)_.*|(?:.*_)?PROXY)$/;
const filled: ReadonlySet<string> = new Set(['{placeholder}', '{base_url}']);

/** Throws one AppError `invalid_argument` that lists every problem. Values are not quoted. */
export function checkEnvironment(environment: readonly EnvironmentVariable[]): void {
  const problems: string[] = [];
  if (environment.length > maxVariables) problems.push(`a credential sets at most ${maxVariables} environment variables.`);
  const seen = new Set<string>();
  let characters = 0;
  for (const { name, value } of environment) {
    characters += name.length + value.length;
    if (!/^[A-Z_][A-Z0-9_]{0,63}$/.test(name)) {
      // Not quoted: an argument that is no NAME=VALUE may be a secret.
      problems.push('the name of an environment variable is none: use upper-case letters, digits and "_", at most 64.');
      continue;
    }
    if (reserved.test(name)) problems.push(`${name} changes how programs run, and can't be set by a credential.`);
    if (seen.has(name)) problems.push(`${name} is set twice.`);
    seen.add(name);
    if (!/^[\x20-\x7e]*$/.test(value)) problems.push(`the value of ${name} may hold printable ASCII only.`);
    if (value.match(/\{[a-z_]+\}/g)?.some((each) => !filled.has(each)))
      problems.push(`the value of ${name} may hold {placeholder} and {base_url}, and no other name in braces.`);
  }
  if (characters > maxCharacters) problems.push(`the environment variables of a credential are longer than ${maxCharacters} characters.`);
  if (problems.length > 0) throw new AppError('invalid_argument', problems.join('\n'));
}

/** Whether some variable stays without its value as long as the credential has no placeholder. */
export function wantsPlaceholder(environment: readonly EnvironmentVariable[]): boolean {
  return environment.some(({ value }) => value.includes('{placeholder}'));
}
