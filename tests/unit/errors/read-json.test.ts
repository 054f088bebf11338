import { describe, expect, it } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import { readJson } from '../../../src/errors/read-json.ts';

function refusal(bytes: Uint8Array): CubeError {
  try {
    readJson(bytes, 'The body');
  } catch (error) {
    if (error instanceof CubeError) return error;
    throw error;
  }
  throw new Error('It was accepted.');
}

describe('readJson', () => {
  it('reads JSON, with or without a byte order mark', () => {
    expect(readJson(Buffer.from('{"a":"é"}'), 'The body')).toEqual({ a: 'é' });
    expect(readJson(Buffer.from('\ufeff{"a":1}'), 'The body')).toEqual({ a: 1 });
  });

  it('tells line, column and 20 characters on both sides', () => {
    const error = refusal(Buffer.from('{\n  "name": "web",\n  "image": nginx\n}'));
    expect(error.code).toBe('not-understood');
    expect(error.message).toContain('at line 3, column 12');
    expect(error.message).toContain('image\\": nginx');
    expect(error.issues[0]?.got.length).toBeLessThanOrEqual(80);
  });

  it('says so at the end of the text', () => {
    expect(refusal(Buffer.from('{"a":')).message).toContain('line 1, column 6');
  });

  it.each([
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['UTF-16', Buffer.from('\ufeff{"a":1}', 'utf16le')],
  ])('refuses %s', (_, bytes) => {
    expect(refusal(bytes).code).toBe('not-understood');
  });

  it('names the field where JSON is right and yet not taken', () => {
    const error = refusal(Buffer.from('{"env":{"__proto__":"x"}}'));
    expect(error.code).toBe('invalid-input');
    expect(error.issues[0]?.field).toBe('env.__proto__');
  });

  const SECRET = 'hunter2-xyzzy';

  it.each([
    `{"env":{"PW":{"secret":"${SECRET}"}},}`,
    `{"env":{"PW":{"secret":"${SECRET}" "x"`,
    `{"env":{"PW":{"secret":"${SECRET}`,
    `{"env":{"PW":"${SECRET}\u0001"}}`,
    `{"a" 1,"env":{"PW":"${SECRET}"}}`,
    `{"env":{"PW":{"secret":"${SECRET}","secret":"${SECRET}"}}}`,
    `{"password":"${SECRET}","constructor":1}`,
    `{"token":"${SECRET}","n":1e999}`,
    `{"env":${'['.repeat(20)}"${SECRET}",[`,
  ])('shows the place in %j without the secret next to it', (text) => {
    const error = refusal(Buffer.from(text));
    expect(JSON.stringify([error.message, error.issues, error.hint])).not.toContain('hunter2');
    expect(error.message).toMatch(/line 1, column \d+/);
  });
});
