import { Command } from 'commander';
import { addAgentCommands } from './commands/agent.ts';
import { addAuditCommands } from './commands/audit.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addCredentialCommands } from './commands/credential.ts';
import { addDevCommand } from './commands/dev.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addExplainCommand } from './commands/explain.ts';
import { addGrantCommands } from './commands/grant.ts';
import { addKillCommands } from './commands/kill.ts';
import { addLeaseCommands } from './commands/lease.ts';
import { addOperatorCommands } from './commands/operator.ts';
import { addRunCommand } from './commands/run.ts';
import { addServiceCommands } from './commands/service.ts';
import { addStatusCommands } from './commands/status.ts';
import { addTenantCommands } from './commands/tenant.ts';

/** `leasehold NOUN VERB [NAME] [flags]`: docs/cli.md. */
export function createProgram(): Command {
  const program = new Command('leasehold')
    .description('lends AI agents credentials that they never hold')
    .exitOverride()
    // What comes after the command of `run` belongs to that.
    .enablePositionalOptions()
    .showHelpAfterError(false);
  addDevCommand(program);
  addRunCommand(program);
  addDoctorCommand(program);
  addCredentialCommands(program);
  addGrantCommands(program);
  addAgentCommands(program);
  addTenantCommands(program);
  addOperatorCommands(program);
  addLeaseCommands(program);
  addKillCommands(program);
  addAuditCommands(program);
  addExplainCommand(program);
  addServiceCommands(program);
  addStatusCommands(program);
  addCompletionCommand(program);
  silence(program);
  return program;
}

/** What commander would say itself is said by `main`: it quotes arguments, and an argument may be a secret that somebody typed there. */
function silence(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => {} });
  for (const each of command.commands) silence(each);
}
