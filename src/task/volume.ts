import { z } from 'zod';
import { nameSchema } from './name.ts';
import { safeString } from './spec-fields.ts';

const TARGET_WANTED = 'an absolute path in the container without "..", such as /data';

const absolutePath = (wanted: string): z.ZodString =>
  safeString(4096, wanted)
    .regex(/^\//, wanted)
    .refine((path) => !path.split('/').includes('..') && !path.includes(':'), wanted);

export const volumeSchema = z
  .strictObject({
    name: nameSchema.describe(
      'The volume; it is made where it does not exist. One made by others needs the label `cube.volume=named`.',
    ),
    target: absolutePath(TARGET_WANTED),
    readOnly: z.boolean('true or false').default(false),
  })
  .meta({ id: 'Volume' });

export const bindSchema = z
  .strictObject({
    source: absolutePath('an absolute path on the node without "..", such as /srv/site'),
    target: absolutePath(TARGET_WANTED),
    readOnly: z.boolean('true or false').default(false),
  })
  .meta({ id: 'Bind' });

export type Bind = Readonly<z.output<typeof bindSchema>>;
