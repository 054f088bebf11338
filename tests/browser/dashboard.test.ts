import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskSpecInput } from '../../src/task/task-spec.ts';
import { type Browser, type OpenPage, startBrowser } from '../support/browser.ts';
import { type CubeUp, startCubeUp } from '../support/cube-up.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

// The dashboard of a real manager with real workers, in a real browser. With CUBE_SCREENSHOTS a
// picture of each page, in light, dark and on a phone, is left in the folder that it names.

let directory: TemporaryDirectory;
let cube: CubeUp;
let browser: Browser;
const ids: Record<string, string> = {};

const shell = (script: string) => ({ command: 'sh', args: ['-c', script] });
const OUTPUT =
  'printf "\\033[31m<img src=x onerror=alert(1)>\\033[0m\\n"; i=0; while true; do i=$((i+1)); echo "line $i"; sleep 0.2; done';

async function submit(spec: TaskSpecInput): Promise<string> {
  const { task } = await cube.client.submit(spec);
  ids[spec.name] = task.id;
  return task.id;
}

beforeAll(async () => {
  [directory, browser] = await Promise.all([temporaryDirectory(), startBrowser()]);
  cube = await startCubeUp(directory.path, ['--workers', '2']);
  await submit({ name: 'talker', ...shell(OUTPUT), memory: '64MiB', labels: { tier: '<b>web' } });
  await submit({ name: 'sleeper', command: 'sleep', args: ['1000'], memory: '256MiB' });
  await submit({ name: 'huge', command: 'sleep', args: ['1'], memory: '100TiB' });
  await submit({ name: 'broken', ...shell('echo oh no >&2; exit 3'), restart: 'never' });
  await submit({ name: 'short', command: 'true', restart: 'never' });
  await Promise.all([
    cube.untilState(ids['talker'] ?? '', 'running'),
    cube.untilState(ids['sleeper'] ?? '', 'running'),
    cube.untilState(ids['broken'] ?? '', 'failed'),
    cube.untilState(ids['short'] ?? '', 'completed'),
  ]);
});

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await cube?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
});

const open = (hash: string, options?: Parameters<Browser['open']>[1]): Promise<OpenPage> =>
  browser.open(`http://127.0.0.1:${cube.port}/#/${hash}`, options);

const namesIn = (page: Page): Promise<string[]> => page.locator('.task-row a').allTextContents();

const pages: readonly (readonly [name: string, heading: string, hash: () => string])[] = [
  ['cluster', 'Cluster', () => 'cluster'],
  ['tasks', 'Tasks', () => 'tasks'],
  ['task', 'talker', () => `tasks/${ids['talker']}`],
  ['waiting', 'huge', () => `tasks/${ids['huge']}`],
  ['failed', 'broken', () => `tasks/${ids['broken']}`],
  ['nodes', 'Nodes', () => 'nodes'],
  ['events', 'Events', () => 'events'],
  ['past', 'Cluster', () => 'cluster?at=6'],
];

describe('every page', () => {
  const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

  it.each(pages)(
    '%s opens without a complaint, is fit for everybody, and fits a phone',
    async (name, heading, hash) => {
      await using opened = await open(hash());
      const { page, complaints, hosts } = opened;
      await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
      // From outside of the page's policy, which would not let it in.
      await page.evaluate(await readFile(axePath, 'utf8'));
      expect(await violationsOf(page, rules)).toEqual([]);
      await takePicture(page, `${name}-light`);
      await page.emulateMedia({ colorScheme: 'dark' });
      expect(await violationsOf(page, ['color-contrast'])).toEqual([]);
      await takePicture(page, `${name}-dark`);
      await page.setViewportSize({ width: 375, height: 800 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
      await takePicture(page, `${name}-phone`);
      expect(complaints).toEqual([]);
      expect([...hosts]).toEqual([`127.0.0.1:${cube.port}`]);
    },
  );

  it('is where "cube up" says that it is', () => {
    const line = `Dashboard  http://127.0.0.1:${cube.port}/  (in a browser)`;
    expect(cube.process.output).toContain(line);
  });

  it('is where its address says, and says so where there is none', async () => {
    await using opened = await open('nothing/here');
    await opened.page.getByText('There is no such page.').waitFor();
    await using task = await open('tasks/00000000-0000-4000-8000-00000000dead');
    await task.page.getByRole('alert').getByText('no task').waitFor();
  });
});

describe('the list of tasks', () => {
  it('shows a task as it comes, runs and is stopped, without being asked', async () => {
    await using opened = await open('tasks');
    const { page } = opened;
    await page.getByRole('link', { name: 'talker' }).waitFor();
    const id = await submit({ name: 'newcomer', command: 'sleep', args: ['1000'] });
    const row = page.getByRole('row', { name: /newcomer/ });
    await row.getByText('running').waitFor();
    await cube.client.stop(id);
    await row.getByText('completed').waitFor();
  });

  it('is searched, filtered and sorted, and its address says how', async () => {
    await using opened = await open('tasks');
    const { page } = opened;
    await page.getByRole('link', { name: 'talker' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('sleeper WORKER');
    await page.getByText(/^1 of \d+ tasks$/).waitFor();
    expect(await namesIn(page)).toEqual(['sleeper']);
    await page.getByRole('searchbox').fill('');
    await page.getByRole('button', { name: 'failed' }).click();
    await page.getByRole('button', { name: 'pending' }).click();
    await page.getByText(/^2 of \d+ tasks$/).waitFor();
    await page.getByRole('button', { name: 'Name' }).click();
    await page.locator('th[aria-sort=ascending]').waitFor();
    expect(await namesIn(page)).toEqual(['broken', 'huge']);
    await page.getByRole('button', { name: 'Name' }).click();
    await page.locator('th[aria-sort=descending]').waitFor();
    expect(await namesIn(page)).toEqual(['huge', 'broken']);
    await page.reload();
    await page.getByText(/^2 of \d+ tasks$/).waitFor();
    expect(await namesIn(page)).toEqual(['huge', 'broken']);
  });
});

describe('the slider', () => {
  it('shows the past on every page, and comes back', async () => {
    const id = await submit({ name: 'latest', command: 'sleep', args: ['1000'] });
    await cube.untilState(id, 'running');
    // Just before it came, whatever else has happened meanwhile.
    const revision = (await cube.client.get(id)).createdRevision - 1;
    await using opened = await open('tasks');
    const { page } = opened;
    const latest = page.getByRole('link', { name: 'latest', exact: true });
    await latest.waitFor();
    await page.getByRole('slider').fill(`${revision}`);
    await page.getByText('The past:').waitFor();
    await latest.waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'talker' }).waitFor();

    // One event on it was submitted, and had not been placed.
    await page.getByRole('button', { name: 'One event on' }).click();
    await latest.click();
    await page.getByRole('heading', { name: 'latest' }).waitFor();
    await page.locator('.page-head').getByText('pending').waitFor();
    await page.getByText('It has not been placed.').waitFor();
    expect(await page.getByRole('button', { name: 'Stop' }).count()).toBe(0);
    expect(new URL(page.url()).hash).toContain('at=');

    await page.getByRole('link', { name: 'Nodes' }).click();
    await page.getByRole('heading', { name: 'Nodes' }).waitFor();
    await page.getByRole('button', { name: 'Now' }).click();
    await page.getByText(/^Now, revision/).waitFor();
    await page.goBack();
    await cube.client.stop(id);
  });

  it('is moved by the keys, and events lead to their moment', async () => {
    await using opened = await open(`tasks/${ids['broken']}`);
    const { page } = opened;
    await page.getByRole('button', { name: /then$/ }).last().click();
    await page.getByText('The past:').waitFor();
    await page.locator('.page-head').getByText('pending').waitFor();
    await page.getByRole('slider').focus();
    await page.keyboard.press('End');
    await page.getByText(/^Now, revision/).waitFor();
    await page.locator('.page-head').getByText('failed').waitFor();
    await page.keyboard.press('ArrowLeft');
    await page.getByText('The past:').waitFor();
  });

  it('takes each of several quick steps', async () => {
    await using opened = await open('cluster');
    const { page } = opened;
    await page.getByRole('link', { name: /talker/ }).waitFor();
    const slider = page.getByRole('slider');
    await slider.fill('5');
    await page.getByText(/The past:.* revision 5,/).waitFor();
    await page.getByRole('button', { name: 'One event back' }).focus();
    for (let step = 0; step < 3; step += 1) {
      await page.keyboard.press('Enter');
      // Longer than the slider waits, and shorter than the past may take to be read.
      await page.waitForTimeout(130);
    }
    expect(await slider.inputValue()).toBe('2');
    await page.getByText(/The past:.* revision 2,/).waitFor();
    await page.getByRole('button', { name: 'Now' }).click();
    await page.getByText(/^Now, revision/).waitFor();
    await page.goBack();
    await page.getByText(/The past:.* revision 2,/).waitFor();
  });

  it('takes a time, and before everything there was nothing', async () => {
    await using opened = await open('cluster');
    const { page } = opened;
    await page.getByRole('link', { name: /talker/ }).waitFor();
    await page.getByLabel('Look at the cluster at this time').fill('1999-01-01T00:00:00');
    await page.getByText('revision 0, where the log that is kept begins').waitFor();
    await page.getByText('No node had joined by then.').waitFor();
    await page.goBack();
    await page.getByText(/^Now, revision/).waitFor();
    await page.getByRole('link', { name: /talker/ }).waitFor();
  });
});

describe('one task', () => {
  it('is stopped by its button, when that is confirmed', async () => {
    const id = await submit({ name: 'to-stop', command: 'sleep', args: ['1000'] });
    await using opened = await open(`tasks/${id}`);
    const { page } = opened;
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    expect((await cube.client.get(id)).status.desired).toBe('running');
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
    await page.locator('.page-head').getByText('completed').waitFor();
    expect(await page.locator('.page-head button').count()).toBe(0);
    expect((await cube.client.get(id)).status.desired).toBe('stopped');
  });

  it('is started anew by its button', async () => {
    await using opened = await open(`tasks/${ids['sleeper']}`);
    const { page } = opened;
    await page.getByRole('button', { name: 'Restart' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Restart' }).click();
    await page
      .getByRole('listitem')
      .filter({ hasText: /^2.*running/ })
      .waitFor();
    await page
      .getByRole('listitem')
      .filter({ hasText: /^1.*replaced/ })
      .waitFor();
  });

  it('shows its output as it comes, as text and nothing else, and finds in it', async () => {
    await using opened = await open(`tasks/${ids['talker']}`);
    const { page, complaints } = opened;
    await page.getByText('tier=<b>web').waitFor();
    await page.getByText(/lines, following$/).waitFor();
    const before = await page.locator('.log-text').last().textContent();
    await page.waitForFunction(
      (last) => [...document.querySelectorAll('.log-text')].at(-1)?.textContent !== last,
      before,
    );
    await page.getByLabel('Search the output').fill('ONERROR');
    await page.getByLabel('only matches').check();
    await page.getByText(/^1 of .* lines match/).waitFor();
    expect(await page.locator('.log-text').allTextContents()).toEqual([
      '<img src=x onerror=alert(1)>',
    ]);
    expect(await page.locator('.log-text mark').allTextContents()).toEqual(['onerror']);
    expect(await page.locator('img').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('says why it waits and what would let it run', async () => {
    await using opened = await open(`tasks/${ids['huge']}`);
    const { page } = opened;
    await page.getByText('What would let it run:').waitFor();
    await page
      .locator('.verdicts')
      .getByText(/needs 100 TiB of memory/)
      .first()
      .waitFor();
  });
});

describe('a node', () => {
  it('is drained and resumed, and is given labels that can be taken away', async () => {
    await using opened = await open('nodes/worker-2');
    const { page } = opened;
    await page.getByRole('button', { name: 'Drain' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
    await page.getByText(/^. draining$/).waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
    await page.getByText(/^. up$/).waitFor();
    await page.getByLabel('A label for worker-2').fill('zone=eu');
    await page.keyboard.press('Enter');
    await page.getByText('zone=eu').waitFor();
    await page.getByLabel('A label for worker-2').fill('not a label');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    await page.getByRole('button', { name: 'Take the label zone away' }).click();
    await page.getByText('zone=eu').waitFor({ state: 'detached' });
  });
});

describe('the keyboard', () => {
  it('leads past the bars to the content, and from cube to cube to a task', async () => {
    await using opened = await open('cluster');
    const { page } = opened;
    await page.locator('.cube').first().waitFor();
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').textContent()).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.locator(':focus').getAttribute('id')).toBe('main');
    const cubes = page
      .locator('.columns .column')
      .filter({ has: page.locator('.cube') })
      .first();
    await cubes.locator('.cube[tabindex="0"]').focus();
    await page.keyboard.press('End');
    await page.keyboard.press('Home');
    expect(await cubes.locator('.cube[tabindex="0"]').count()).toBe(1);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    await page.locator('main:focus').waitFor();
  });
});

/** WCAG 2.2 AA, and more. */
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe finds against these rules, or rules so tagged, with their places. */
async function violationsOf(page: Page, runOnly: string[]): Promise<string[]> {
  return await page.evaluate(async (only) => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
    // Colours that are still on their way would be judged as they are at the moment.
    await Promise.all(document.getAnimations().map((animation) => animation.finished));
    const { violations } = await axe.run(document, { runOnly: only });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`),
    );
  }, runOnly);
}

async function takePicture(page: Page, name: string): Promise<void> {
  const folder = process.env['CUBE_SCREENSHOTS'];
  if (folder === undefined) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
