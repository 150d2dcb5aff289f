import { AppError } from '@leasehold/core';
import type { Command } from 'commander';

/** Completion scripts, made from the command tree itself, so that they can't lag behind it. */
export function addCompletionCommand(program: Command): void {
  program
    .command('completion <shell>')
    .description('a completion script for bash, zsh or fish')
    .action((shell: string) => {
      const script = scripts[shell];
      if (script === undefined)
        throw new AppError(
          'invalid_argument',
          'There are completions for bash, zsh and fish.\nFor example: leasehold completion bash > /etc/bash_completion.d/leasehold',
        );
      process.stdout.write(script(wordsOf(program)));
    });
}

interface Words {
  readonly nouns: readonly string[];
  /** Verbs and flags by noun. */
  readonly below: ReadonlyMap<string, readonly string[]>;
}

function wordsOf(program: Command): Words {
  const below = program.commands.map((noun): [string, readonly string[]] => {
    const flags = [noun, ...noun.commands].flatMap((each) => each.options.flatMap(({ long }) => long ?? []));
    return [noun.name(), [...noun.commands.map((verb) => verb.name()), ...new Set(flags)]];
  });
  return { nouns: below.map(([name]) => name), below: new Map(below) };
}

const scripts: Readonly<Record<string, (words: Words) => string>> = {
  bash: ({ nouns, below }) => `_leasehold() {
  local current=\${COMP_WORDS[COMP_CWORD]} words
  case "\${COMP_CWORD}:\${COMP_WORDS[1]}" in
    1:*) words="${nouns.join(' ')}" ;;
${[...below].map(([noun, words]) => `    *:${noun}) words="${words.join(' ')}" ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _leasehold leasehold
`,
  zsh: ({ nouns, below }) => `#compdef leasehold
if (( CURRENT == 2 )); then
  compadd ${nouns.join(' ')}
else
  case "$words[2]" in
${[...below].map(([noun, words]) => `    ${noun}) compadd -- ${words.join(' ')} ;;`).join('\n')}
  esac
fi
`,
  fish: ({ nouns, below }) =>
    [
      `complete -c leasehold -f -n __fish_use_subcommand -a "${nouns.join(' ')}"`,
      ...[...below].map(([noun, words]) => `complete -c leasehold -f -n "__fish_seen_subcommand_from ${noun}" -a "${words.join(' ')}"`),
      '',
    ].join('\n'),
};
