import type { Injection } from '@leasehold/core';

/** How a value goes on the wire, in words. */
export function injectionText(injection: Injection): string {
  switch (injection.kind) {
    case 'header':
      return `header ${injection.name}: ${injection.template}`;
    case 'basic':
      return `basic auth as ${injection.username}`;
    case 'query':
      return `query parameter ${injection.name}`;
    case 'path':
      return `path segment ${injection.template}`;
    case 'placeholder':
      return `in the place of the placeholder, in ${injection.in.join(', ')}`;
  }
}
