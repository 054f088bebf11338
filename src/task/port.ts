import { z } from 'zod';

const PORT_WANTED = 'a whole number from 1 to 65535';

const portNumber = z.int(PORT_WANTED).min(1, PORT_WANTED).max(65_535, PORT_WANTED);

/** One port of a task that is reachable on its node. */
export const portSchema = z
  .strictObject(
    {
      container: portNumber.describe('The port on which the task itself listens.'),
      host: portNumber
        .optional()
        .describe(
          'The port on the node. Default for a container: a free one, read back into the status. ' +
            'A process listens on the node itself, so for it this is always `container`.',
        ),
      protocol: z.enum(['tcp', 'udp'], 'tcp or udp').default('tcp'),
      address: z
        .union([z.ipv4(), z.ipv6()], 'an IP address of the node, such as 127.0.0.1 or 0.0.0.0')
        .default('127.0.0.1')
        .describe('The address of the node to listen on. Default: loopback only.'),
    },
    'an object such as {"container": 80, "host": 8080}',
  )
  .meta({ id: 'Port' });

export type Port = Readonly<z.output<typeof portSchema>>;

/** A port as it was really published. */
export const publishedPortSchema = z
  .object({
    container: z.int(),
    host: z.int(),
    protocol: z.enum(['tcp', 'udp']),
    address: z.string(),
  })
  .meta({ id: 'PublishedPort' });

export type PublishedPort = Readonly<z.output<typeof publishedPortSchema>>;
