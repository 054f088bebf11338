import { describe, expect, it } from 'vitest';
import { nodeFactsSchema } from '../../../src/node/node.ts';

const { address } = nodeFactsSchema.unwrap().shape;

describe("a worker's address", () => {
  it.each([
    'http://10.0.0.5:5556',
    'https://cube.example',
    'http://[fd00::5]:5556',
    'http://worker_1:5556',
    'http://proxy.example/worker-1',
  ])('may be %s', (text) => {
    expect(address.safeParse(text).success).toBe(true);
  });

  it.each([
    'file:///etc/passwd',
    'ftp://10.0.0.5',
    'http://user:password@10.0.0.5:5556',
    'http://10.0.0.5:5556/?token=x',
    'http://10.0.0.5:5556/#x',
    'http://169.254.169.254/latest/meta-data',
    'http://0xa9fea9fe/',
    'http://[::ffff:169.254.169.254]/',
    'http://[fe80::1]:5556',
    'http://[fd00:ec2::254]/',
    'http://metadata.google.internal/',
    '10.0.0.5',
    `http://x/${'a'.repeat(1000)}`,
  ])('is never %s, to which the manager would send its token', (text) => {
    const result = address.safeParse(text);
    expect(result.error?.issues.at(-1)?.message).toContain('http://10.0.0.5:5556');
  });
});
