import { z } from 'zod';

// Zod would look whether it may make functions from text. The page's policy forbids it, and the
// browser would report the attempt. It must be said before any schema is used.
z.config({ jitless: true });
