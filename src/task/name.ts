import { z } from 'zod';

/** Names of tasks, nodes and volumes: what hosts, containers and files can all bear. */
const NAME_WANTED = '1 to 63 letters, digits, "-", "_" or ".", beginning with a letter or digit';

export const nameSchema: z.ZodString = z
  .string(NAME_WANTED)
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, NAME_WANTED);

const NIL_UUID = '00000000-0000-0000-0000-000000000000';

const UUID_WANTED = 'a UUID that is not all zeros, such as 266592cd-960d-4091-981c-8c25c44b1018';

/** A task's id: any UUID but nil, kept in lower case. */
export const taskIdSchema: z.ZodType<string, string> = z
  .string(UUID_WANTED)
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i, UUID_WANTED)
  .transform((id) => id.toLowerCase())
  .refine((id) => id !== NIL_UUID, UUID_WANTED);
