export * from './catalogue.ts';
export * from './fill-template.ts';
export * from './service-template.ts';
