import { describe, expect, test } from 'vitest';
import { parseImageReference } from '../../../../src/runtime/docker/image-reference.ts';
import { PullProgress } from '../../../../src/runtime/docker/pull-progress.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('an image reference', () => {
  test.each([
    ['nginx', 'nginx', 'latest', 'nginx:latest'],
    ['nginx:1.27', 'nginx', '1.27', 'nginx:1.27'],
    ['host:5000/team/app', 'host:5000/team/app', 'latest', 'host:5000/team/app:latest'],
    ['host:5000/team/app:2', 'host:5000/team/app', '2', 'host:5000/team/app:2'],
    [`app@${DIGEST}`, 'app', DIGEST, `app@${DIGEST}`],
    [`host:5000/app:2@${DIGEST}`, 'host:5000/app', DIGEST, `host:5000/app@${DIGEST}`],
  ])('%s is completed', (text, repository, tagOrDigest, complete) => {
    expect(parseImageReference(text)).toEqual({ text: complete, repository, tagOrDigest });
  });
});

describe('the progress of a pull', () => {
  const downloading = (id: string, current: number, total: number) => ({
    id,
    status: 'Downloading',
    progressDetail: { current, total },
  });

  test('is told over all layers, and never sinks', () => {
    const progress = new PullProgress('nginx');
    const words: string[] = [progress.words];
    for (const message of [
      { status: 'Pulling from library/nginx', id: 'latest' },
      { status: 'Pulling fs layer', progressDetail: {}, id: 'a' },
      downloading('a', 50, 100),
      downloading('b', 0, 100),
      downloading('a', 100, 100),
      { status: 'Download complete', progressDetail: {}, id: 'a' },
      downloading('b', 50, 100),
      { status: 'Pull complete', progressDetail: {}, id: 'b' },
      { status: 'Extracting', progressDetail: { current: 1, total: 100 }, id: 'a' },
    ]) {
      progress.update(message);
      if (words.at(-1) !== progress.words) words.push(progress.words);
    }
    expect(words).toEqual([
      'pulling nginx',
      'pulling nginx, 50 %',
      'pulling nginx, 75 %',
      'pulling nginx, 100 %',
    ]);
  });

  test('cannot be led astray by odd messages', () => {
    const progress = new PullProgress('nginx');
    for (const message of [null, 7, 'x', {}, { id: 1, status: 2 }, downloading('a', 7, 0)]) {
      progress.update(message);
    }
    progress.update(downloading('a', 900, 100));
    expect(progress.words).toBe('pulling nginx, 100 %');
  });
});
