import { describe, expect, it } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import {
  RequestHistory,
  type ShownTask,
} from '../../../src/simulation/linearizability/request-history.ts';

const ID = 'b7e2';

const shown = (revision: number, desired: 'running' | 'stopped' = 'running'): ShownTask => ({
  id: ID,
  revision,
  status: { desired },
});

const failing = (code: 'not-found' | 'pruned' | 'unreachable') => () =>
  Promise.reject(new CubeError(code, 'As the test wants it.'));

/** Requests that are answered when the test says so. */
class Asked {
  readonly history: RequestHistory;

  constructor(history: RequestHistory = new RequestHistory()) {
    this.history = history;
  }

  submit(): (reply: { readonly task: ShownTask; readonly created: boolean }) => Promise<void> {
    const reply = Promise.withResolvers<{ task: ShownTask; created: boolean }>();
    const asked = this.history.submit(ID, () => reply.promise);
    return async (value) => {
      reply.resolve(value);
      await asked;
    };
  }

  stop(): (task: ShownTask) => Promise<void> {
    const reply = Promise.withResolvers<ShownTask>();
    const asked = this.history.stop(ID, () => reply.promise);
    return async (task) => {
      reply.resolve(task);
      await asked;
    };
  }

  read(): (task: ShownTask) => Promise<void> {
    const reply = Promise.withResolvers<ShownTask>();
    const asked = this.history.read(ID, () => reply.promise);
    return async (task) => {
      reply.resolve(task);
      await asked;
    };
  }

  /** A request that fails as `unreachable`. */
  async lost(kind: 'submit' | 'stop'): Promise<void> {
    const ask = failing('unreachable');
    const asked = kind === 'submit' ? this.history.submit(ID, ask) : this.history.stop(ID, ask);
    await asked.catch(() => undefined);
  }

  async absent(kind: 'stop' | 'read', code: 'not-found' | 'pruned'): Promise<void> {
    await this.history[kind](ID, failing(code)).catch(() => undefined);
  }
}

async function submitted(): Promise<Asked> {
  const asked = new Asked();
  await asked.submit()({ task: shown(1), created: true });
  return asked;
}

describe('a history of requests that one copy could have answered', () => {
  it('shows a task from its submission on, and ever newer', async () => {
    const asked = new Asked();
    await asked.absent('read', 'not-found');
    await asked.submit()({ task: shown(1), created: true });
    await asked.read()(shown(1));
    await asked.read()(shown(4));
    await asked.submit()({ task: shown(4), created: false });
    await asked.stop()(shown(5, 'stopped'));
    await asked.read()(shown(7, 'stopped'));
    await asked.absent('read', 'pruned');
    expect(asked.history.violations()).toEqual([]);
    expect(asked.history.count).toBe(11);
  });

  it('may show an overlapping read either as it was or as it is', async () => {
    for (const sight of [shown(1), shown(2, 'stopped')]) {
      const asked = await submitted();
      const stop = asked.stop();
      const read = asked.read();
      await stop(shown(2, 'stopped'));
      await read(sight);
      expect(asked.history.violations()).toEqual([]);
    }
  });

  it('may answer two overlapping submissions in either order', async () => {
    const asked = new Asked();
    const [one, other] = [asked.submit(), asked.submit()];
    await one({ task: shown(1), created: false });
    await other({ task: shown(1), created: true });
    expect(asked.history.violations()).toEqual([]);
  });

  it('may show later what a request without an answer has done, or never', async () => {
    const asked = new Asked();
    await asked.lost('submit');
    await asked.absent('read', 'not-found');
    await asked.read()(shown(1));
    await asked.lost('stop');
    await asked.read()(shown(2));
    expect(asked.history.violations()).toEqual([]);
    await asked.read()(shown(3, 'stopped'));
    expect(asked.history.violations()).toEqual([]);
  });

  it('may find nothing left to stop of what has ended', async () => {
    const asked = await submitted();
    await asked.stop()(shown(4));
    await asked.read()(shown(4));
    expect(asked.history.violations()).toEqual([]);
  });

  it('may stop a task by a stop that was answered already, where the network repeats', async () => {
    for (const isRepeating of [true, false]) {
      const asked = new Asked(new RequestHistory({ isRepeating }));
      await asked.absent('stop', 'not-found');
      await asked.submit()({ task: shown(1), created: true });
      await asked.read()(shown(2, 'stopped'));
      expect(asked.history.violations()).toHaveLength(isRepeating ? 0 : 1);
    }
  });

  it('is judged at once, though many requests without an answer overlap', async () => {
    const asked = await submitted();
    for (let count = 0; count < 300; count += 1) {
      await asked.lost(count % 2 === 0 ? 'stop' : 'submit');
      const [one, other] = [asked.read(), asked.read()];
      await other(shown(count + 2));
      await one(shown(count + 2));
    }
    expect(asked.history.violations()).toEqual([]);
    await asked.read()(shown(1));
    expect(asked.history.violations()).toHaveLength(1);
  });
});

describe('a history of requests that no single copy could have answered', () => {
  it('shows a task as running after its stop was acknowledged', async () => {
    const asked = await submitted();
    await asked.stop()(shown(2, 'stopped'));
    await asked.read()(shown(1));
    expect(asked.history.violations()).toEqual([
      `[linearizable] task ${ID}: no order of its 5 requests explains that a read was answered with {"revision":1,"isStopped":false}`,
    ]);
  });

  it('shows an older revision after a newer one', async () => {
    const asked = await submitted();
    await asked.read()(shown(5));
    await asked.read()(shown(4));
    expect(asked.history.violations()).toHaveLength(1);
  });

  it('forgets a task that was acknowledged', async () => {
    const asked = await submitted();
    await asked.absent('read', 'not-found');
    expect(asked.history.violations()).toHaveLength(1);
  });

  it('makes the same task twice', async () => {
    const asked = await submitted();
    await asked.submit()({ task: shown(2), created: true });
    expect(asked.history.violations()).toHaveLength(1);
  });

  it('knows a task before anybody has submitted it', async () => {
    const asked = new Asked();
    await asked.read()(shown(1));
    await asked.submit()({ task: shown(1), created: true });
    expect(asked.history.violations()).toHaveLength(1);
  });

  it('shows a task as stopped that nobody has stopped', async () => {
    const asked = await submitted();
    await asked.read()(shown(2, 'stopped'));
    await asked.stop()(shown(2, 'stopped'));
    expect(asked.history.violations()).toHaveLength(1);
  });

  it('brings back what was pruned', async () => {
    const asked = await submitted();
    await asked.absent('stop', 'pruned');
    await asked.read()(shown(3));
    expect(asked.history.violations()).toHaveLength(1);
  });

  it('shows the effect of a request without an answer, and then takes it back', async () => {
    const asked = await submitted();
    await asked.lost('stop');
    await asked.read()(shown(2, 'stopped'));
    await asked.read()(shown(3));
    expect(asked.history.violations()).toHaveLength(1);
  });
});
