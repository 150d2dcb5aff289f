export * from './clock.ts';
export * from './destination.ts';
export * from './errors.ts';
export * from './injection.ts';
export * from './revocation.ts';
export * from './route.ts';
export * from './secret.ts';
