import { z } from 'zod';

// What must be said before any other module is run.

// Zod would look whether it may make functions from text. The page's policy forbids it, and the
// browser would report the attempt.
z.config({ jitless: true });

// The client disposes of what it uses. Where a browser does not know of that yet, the compiled code
// looks for these symbols.
for (const name of ['dispose', 'asyncDispose'] as const) {
  if (!(name in Symbol)) {
    Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) });
  }
}
