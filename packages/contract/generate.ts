// Regenerates src/grpc/gen from proto/. CI runs it and fails when the committed code differs.
import { execFileSync } from 'node:child_process';

execFileSync('buf', ['generate'], { cwd: import.meta.dirname, stdio: 'inherit' });
