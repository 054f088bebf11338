import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CubeError } from '../../src/errors/cube-error.ts';
import type { HistoryService } from '../../src/http/manager-service.ts';
import { type Browser, startBrowser } from '../support/browser.ts';
import { makeNode } from '../support/cluster.ts';
import { ManyTasksService, serveDashboard } from '../support/served-dashboard.ts';

// What a real manager would not let happen, or not soon: the dashboard over a service of the test.

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
});

describe('the token', () => {
  it('is asked for, kept in this tab alone, and forgotten when that is wanted', async () => {
    const service = new ManyTasksService();
    service.addTask('guarded');
    await using served = await serveDashboard(service, { token: 'correct-horse-battery-staple' });
    await using opened = await browser.open(`${served.url}/#/tasks`);
    const { page } = opened;
    await page.getByLabel('Token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('The manager does not take this token.').waitFor();
    await page.getByLabel('Token').fill('correct-horse-battery-staple');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('link', { name: 'guarded' }).waitFor();
    expect(page.url()).toBe(`${served.url}/#/tasks`);
    await page.reload();
    await page.getByRole('link', { name: 'guarded' }).waitFor();
    expect(await page.evaluate(() => [localStorage.length, document.cookie])).toEqual([0, '']);
    await using other = await browser.open(served.url);
    await other.page.getByLabel('Token').waitFor();
    await page.getByRole('button', { name: 'Forget token' }).click();
    await page.getByLabel('Token').waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  });
});

describe('a page of another site', () => {
  it('may lead to the dashboard by a link, and to nothing else', async () => {
    const service = new ManyTasksService();
    service.addTask('seen');
    await using served = await serveDashboard(service);
    await using opened = await browser.open('data:text/html,elsewhere');
    const { page } = opened;
    await page.setContent(
      `<a href="${served.url}/#/tasks">dashboard</a> <a href="${served.url}/tasks">data</a>`,
    );
    await page.getByRole('link', { name: 'data' }).click();
    await page.getByText('Requests made by pages of other sites are refused.').waitFor();
    await page.goto('data:text/html,elsewhere');
    await page.setContent(`<a href="${served.url}/#/tasks">dashboard</a>`);
    await page.getByRole('link', { name: 'dashboard' }).click();
    await page.getByRole('link', { name: 'seen' }).waitFor();
    await page.reload();
    await page.getByRole('link', { name: 'seen' }).waitFor();
  });
});

describe('foreign text', () => {
  it('is text, wherever it stands', async () => {
    const attack = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
    const service = new ManyTasksService();
    service.addTask(attack);
    // The client itself refuses a whole task that cannot be so called.
    const { id } = service.addTask('decent', { note: attack, link: 'javascript:window.pwned=1' });
    service.append({
      type: 'task-waiting',
      taskId: id,
      node: attack,
      reason: { code: 'no-node-fits', message: attack },
    });
    service.lines = [{ stream: 'stdout', text: `\u001b]8;;javascript:alert(1)\u0007${attack}` }];
    await using served = await serveDashboard(service);
    await using opened = await browser.open(served.url);
    const { page, complaints } = opened;
    for (const hash of ['cluster', 'tasks', `tasks/${id}`, 'events', `tasks?q=${attack}`]) {
      await page.goto(`${served.url}/#/${hash}`);
      await page.getByText(attack).first().waitFor();
      expect(await page.locator('main img, main script').count()).toBe(0);
      expect(await page.evaluate(() => Reflect.get(window, 'pwned'))).toBeUndefined();
    }
    expect(complaints).toEqual([]);
  });
});

describe('a browser that lacks what others have', () => {
  it('shows the dashboard all the same', async () => {
    const service = new ManyTasksService();
    service.addTask('seen');
    await using served = await serveDashboard(service);
    await using opened = await browser.open('about:blank');
    const { page, complaints } = opened;
    await page.addInitScript(() => {
      const whole = Symbol;
      const lacking = (description?: string): symbol => whole(description);
      for (const key of Reflect.ownKeys(whole)) {
        const property = Object.getOwnPropertyDescriptor(whole, key);
        if (key === 'dispose' || key === 'asyncDispose' || property === undefined) continue;
        Object.defineProperty(lacking, key, property);
      }
      Reflect.set(globalThis, 'Symbol', lacking);
    });
    await page.goto(`${served.url}/#/tasks`);
    await page.getByRole('link', { name: 'seen' }).waitFor();
    expect(complaints).toEqual([]);
  });
});

describe('a silent node', () => {
  it('has tasks of which nothing is known, and none that seem well', async () => {
    const service = new ManyTasksService();
    service.addTask('quiet');
    const node = makeNode('node-1', { liveness: 'unreachable', livenessReason: 'It is silent.' });
    service.nodes.push({ node, committed: node.capacity, taskCount: 1 });
    await using served = await serveDashboard(service);
    await using opened = await browser.open(`${served.url}/#/cluster`);
    const { page } = opened;
    await page.getByText('unreachable').waitFor();
    await page.getByRole('link', { name: 'quiet, unknown' }).waitFor();
    expect(await page.locator('.cube.state-running').count()).toBe(0);
    await page.getByRole('link', { name: 'Tasks' }).click();
    await page.getByRole('row', { name: /quiet/ }).getByText('unknown').waitFor();
    await page.getByRole('link', { name: 'Nodes' }).click();
    await page.getByText('It is silent.').waitFor();
  });
});

describe('a moment before the oldest event', () => {
  it('is told to be gone, with the way back', async () => {
    const service = new ForgetfulService();
    service.addTask('present');
    await using served = await serveDashboard(service);
    await using opened = await browser.open(`${served.url}/#/tasks?at=3`);
    const { page } = opened;
    await page.getByRole('alert').getByText('Events up to revision 7 are gone.').waitFor();
    await page.getByRole('button', { name: 'Now' }).click();
    await page.getByRole('link', { name: 'present' }).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });
});

/** A manager whose log has been pruned. */
class ForgetfulService extends ManyTasksService {
  override readonly history: HistoryService = {
    ...new ManyTasksService().history,
    listTasks: async () => {
      throw new CubeError('pruned', 'Events up to revision 7 are gone.');
    },
  };
}

describe('a hundred thousand tasks', () => {
  it('are read page by page and searched whole, with a few rows in the document', async () => {
    const service = new ManyTasksService();
    for (let number = 1; number <= 100_000; number += 1) service.addTask(`task-${number}`);
    await using served = await serveDashboard(service);
    await using opened = await browser.open(`${served.url}/#/tasks`);
    const { page } = opened;
    await page.getByText('100,000 tasks', { exact: true }).waitFor({ timeout: 50_000 });
    const rowCount = (): Promise<number> => page.locator('.task-row').count();
    expect(await rowCount()).toBeLessThan(60);
    const box = page.getByRole('region', { name: 'Tasks' });
    await box.evaluate((element) => {
      element.scrollTop = element.scrollHeight;
    });
    await page.getByRole('link', { name: 'task-1', exact: true }).waitFor();
    expect(await rowCount()).toBeLessThan(60);
    await page.getByRole('searchbox').fill('task-99999');
    await page.getByText('1 of 100,000 tasks').waitFor();
    await page.goto(`${served.url}/#/cluster`);
    await page.getByText('100,000').waitFor();
    expect(await page.locator('.cube').count()).toBeLessThanOrEqual(3000);
  });
});

/** As in the list of tasks, in pixels. */
const TASK_ROW_HEIGHT = 44;

describe('who has scrolled', () => {
  it('stays with what is read as more comes, and finds a list again as it was left', async () => {
    const service = new ManyTasksService();
    const add = (number: number): void => {
      const { id: taskId, spec } = service.addTask(`task-${number}`);
      service.append({ type: 'task-submitted', taskId, spec });
    };
    for (let number = 1; number <= 500; number += 1) add(number);
    await using served = await serveDashboard(service);
    await using opened = await browser.open(`${served.url}/#/events`);
    const { page } = opened;
    const events = page.getByRole('region', { name: 'Events, the newest first' });
    await events.getByText('task-500').first().waitFor();
    await events.evaluate((element) => {
      element.scrollTop = 4400;
    });
    const firstSeen = (): Promise<string> =>
      events.evaluate((element) => {
        const top = element.getBoundingClientRect().top;
        const rows = [...element.querySelectorAll('.event-row')];
        const seen = rows.find((row) => row.getBoundingClientRect().bottom > top + 2);
        return seen?.querySelector('.event-subject')?.textContent ?? '';
      });
    await events.getByText('task-400', { exact: true }).waitFor();
    const before = await firstSeen();
    for (let number = 501; number <= 520; number += 1) add(number);
    await page.getByText(/^Now, revision 520$/).waitFor();
    expect(await firstSeen()).toBe(before);

    await page.goto(`${served.url}/#/tasks`);
    const tasks = page.getByRole('region', { name: 'Tasks' });
    await tasks.getByText('task-520', { exact: true }).waitFor();
    await tasks.evaluate((element) => {
      element.scrollTop = 3000;
    });
    // One in view, by its name: which rows are drawn changes as it scrolls.
    const name = `task-${520 - Math.ceil(3000 / TASK_ROW_HEIGHT) - 4}`;
    await tasks.getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { name, exact: true }).waitFor();
    await page.goBack();
    await tasks.getByText(name, { exact: true }).waitFor();
    expect(await tasks.evaluate((element) => element.scrollTop)).toBe(3000);
  });
});

/** The list of tasks in a browser, once the manager that served it is gone. */
async function openAbandoned(service: ManyTasksService) {
  const first = await serveDashboard(service);
  const opened = await browser.open(`${first.url}/#/tasks`);
  await opened.page.getByRole('link', { name: 'survivor' }).waitFor();
  await first[Symbol.asyncDispose]();
  await opened.page.getByText(/Connection lost/).waitFor();
  return { opened, url: first.url, port: first.port };
}

describe('a manager that goes away', () => {
  it('is waited for, and what is shown is told to be old', async () => {
    const service = new ManyTasksService();
    service.addTask('survivor');
    const { opened, port } = await openAbandoned(service);
    await using _opened = opened;
    const { page } = opened;
    expect(await page.getByRole('link', { name: 'survivor' }).count()).toBe(1);
    await using _ = await serveDashboard(service, { port });
    await page.getByText(/Connection lost/).waitFor({ state: 'detached' });
  });

  it('is asked again for what could not be read meanwhile, now and of the past', async () => {
    const service = new ManyTasksService();
    const { id } = service.addTask('survivor');
    service.lines = [{ stream: 'stdout', text: 'first life' }];
    const { opened, url, port } = await openAbandoned(service);
    await using _opened = opened;
    const { page } = opened;
    for (const hash of [`tasks/${id}`, `tasks/${id}?at=1`]) {
      await page.goto(`${url}/#/${hash}`).catch(() => undefined);
      await page.evaluate((next) => {
        window.location.hash = `#/${next}`;
      }, hash);
      await page.getByText('The manager does not answer.').first().waitFor();
    }
    await page.goBack();
    await using _ = await serveDashboard(service, { port });
    await page.getByRole('heading', { name: 'survivor' }).waitFor();
    await page.getByText('The manager does not answer.').waitFor({ state: 'detached' });
  });
});
