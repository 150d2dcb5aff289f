export * from './client.ts';
export * from './parse.ts';
export * from './requests.ts';
export * from './resources.ts';
