import { describe, expect, it } from 'vitest';
import { CubeError } from '../../../src/errors/cube-error.ts';
import type { EventDraft } from '../../../src/event/event.ts';
import type { Committer, Proposal } from '../../../src/manager/committer.ts';
import { drain } from '../../../src/simulation/virtual-clock.ts';
import { taskId } from '../../support/cluster.ts';
import { makeCommitter, submission } from '../../support/manager-parts.ts';

const diskFull = new CubeError('storage-full', 'The disk is full.');

function submit(committer: Committer, number: number): Promise<string> {
  return committer.commit(() => ({ drafts: [submission(number)], result: `done ${number}` }));
}

function scheduled(number: number, attempt = 1): EventDraft {
  return {
    type: 'task-scheduled',
    taskId: taskId(number),
    attempt,
    node: 'n1',
    status: { state: 'scheduled', node: 'n1', attempt },
    cause: 'test',
    correlationId: 'test',
    actor: 'scheduler',
  };
}

describe('committer', () => {
  it('shows, publishes and acknowledges nothing before it is durable', async () => {
    const { committer, state, repository, published } = makeCommitter();
    let isAcknowledged = false;
    const done = submit(committer, 1).then(() => {
      isAcknowledged = true;
    });
    await drain();
    expect(repository.saves).toHaveLength(1);
    expect([isAcknowledged, state.taskCount, published.length]).toEqual([false, 0, 0]);
    repository.finish();
    await done;
    expect([isAcknowledged, state.taskCount, published.length]).toEqual([true, 1, 1]);
  });

  it('writes a task and its event in one transaction', async () => {
    const { committer, repository } = makeCommitter();
    const done = submit(committer, 1);
    await drain();
    const [save] = repository.saves;
    expect(save?.events.map(({ revision }) => revision)).toEqual([1]);
    expect(save?.tasks.map(({ id, revision }) => [id, revision])).toEqual([[taskId(1), 1]]);
    repository.finish();
    await done;
  });

  it('lets plans that wait share one flush', async () => {
    const { committer, repository } = makeCommitter();
    const first = submit(committer, 1);
    await drain();
    const rest = [2, 3, 4].map((number) => submit(committer, number));
    repository.finish();
    await first;
    await drain();
    expect(repository.saves.map(({ events }) => events.length)).toEqual([1, 3]);
    repository.finish();
    expect(await Promise.all(rest)).toEqual(['done 2', 'done 3', 'done 4']);
  });

  it('confirms what changes nothing only while it reigns', async () => {
    const { committer, repository } = makeCommitter();
    const nothing = { drafts: [], result: 'as it was' };
    await expect(committer.commit(() => nothing)).resolves.toBe('as it was');
    const answer = committer.commit(() => ({ ...nothing, isAnswer: true }));
    await drain();
    expect(repository.saves).toMatchObject([{ events: [], tasks: [], nodes: [] }]);
    repository.finish();
    await expect(answer).resolves.toBe('as it was');
    const late = committer.commit(() => ({ ...nothing, isAnswer: true }));
    await drain();
    repository.finish(new CubeError('storage-conflict', 'Another manager reigns.'));
    await expect(late).rejects.toMatchObject({ code: 'storage-conflict' });
  });

  it('tells when so many groups more are durable, or none is left', async () => {
    const { committer, repository } = makeCommitter();
    await committer.afterTurns(5);
    const first = submit(committer, 1);
    await drain();
    const second = submit(committer, 2);
    const over: number[] = [];
    const turns = [1, 2, 9].map((count) =>
      committer.afterTurns(count).then(() => over.push(count)),
    );
    repository.finish();
    await first;
    await drain();
    expect(over).toEqual([1]);
    repository.finish();
    await Promise.all([second, ...turns]);
    expect(over).toEqual([1, 2, 9]);
  });

  it('checks a plan against the state as it will be', async () => {
    const { committer, repository } = makeCommitter();
    const first = submit(committer, 1);
    await drain();
    const second = committer.commit((view) => ({
      drafts: [],
      result: view.findTask(taskId(1))?.status.state,
    }));
    let isAnswered = false;
    void second.then(() => {
      isAnswered = true;
    });
    await drain();
    expect(isAnswered).toBe(false);
    repository.finish();
    await first;
    await drain();
    repository.finish();
    expect(await second).toBe('pending');
  });

  it('refuses only when what the refusal rests on is durable', async () => {
    const { committer, repository } = makeCommitter();
    const first = submit(committer, 1);
    await drain();
    let answer = 'none';
    const refused = committer.commit((view): Proposal<void> => {
      throw new CubeError('conflict', `The task is ${view.findTask(taskId(1))?.status.state}.`);
    });
    const told = refused.catch((error: Error) => {
      answer = error.message;
    });
    await drain();
    expect(answer).toBe('none');
    repository.finish();
    await first;
    await drain();
    repository.finish();
    await told;
    expect(answer).toBe('The task is pending.');
  });

  it('refuses nothing for what is lost with a flush that fails', async () => {
    const { committer, repository } = makeCommitter();
    const first = submit(committer, 1);
    await drain();
    const refused = committer.commit((view): Proposal<void> => {
      throw new CubeError('conflict', `The task is ${view.findTask(taskId(1))?.status.state}.`);
    });
    const breaksRule = committer.commit(() => ({ drafts: [scheduled(1, 7)], result: undefined }));
    repository.finish(diskFull);
    for (const one of [first, refused, breaksRule]) await expect(one).rejects.toBe(diskFull);
  });

  it('fails everything that was staged on a flush that fails, and goes on after', async () => {
    const { committer, repository, state, published, fatal } = makeCommitter();
    const first = submit(committer, 1);
    await drain();
    const second = committer.commit(() => ({ drafts: [scheduled(1)], result: undefined }));
    repository.finish(diskFull);
    await expect(first).rejects.toBe(diskFull);
    await expect(second).rejects.toBe(diskFull);
    expect([state.taskCount, published.length, fatal.length]).toEqual([0, 0, 0]);
    expect(committer.problem).toBe(diskFull);
    expect(committer.view.findTask(taskId(1))).toBeUndefined();

    const third = submit(committer, 3);
    await drain();
    repository.finish();
    expect(await third).toBe('done 3');
    expect(published.map(({ revision }) => revision)).toEqual([1]);
    expect(committer.problem).toBeUndefined();
  });

  it('is well again once a disk that was full has room, though nothing was written since', async () => {
    const { committer, repository } = makeCommitter();
    repository.watchesRoom = true;
    repository.shortage = diskFull;
    const first = submit(committer, 1);
    await drain();
    repository.finish(diskFull);
    await expect(first).rejects.toBe(diskFull);
    expect(committer.problem).toBe(diskFull);
    repository.shortage = undefined;
    expect(committer.problem).toBeUndefined();
    // A store that does not look cannot tell.
    repository.watchesRoom = false;
    expect(committer.problem).toBe(diskFull);
  });

  it('ends for good when the disk failed, since what was kept is unknown', async () => {
    const { committer, repository, fatal } = makeCommitter();
    const failed = new CubeError('storage-failed', 'The disk failed.');
    const first = submit(committer, 1);
    await drain();
    repository.finish(failed);
    await expect(first).rejects.toBe(failed);
    expect(fatal).toEqual([failed]);
    await expect(submit(committer, 2)).rejects.toBe(failed);
  });

  it('stages nothing of a plan of which one event breaks a rule', async () => {
    const { committer, repository, state } = makeCommitter();
    const broken = committer.commit(() => ({
      drafts: [submission(1), scheduled(1, 2)],
      result: undefined,
    }));
    await expect(broken).rejects.toThrow('grow by one');
    expect(committer.view.findTask(taskId(1))).toBeUndefined();
    const next = submit(committer, 2);
    await drain();
    repository.finish();
    await next;
    expect(state.revision).toBe(1);
  });

  it('links the events of a task backwards', async () => {
    const { committer, repository, published } = makeCommitter();
    const both = [
      submit(committer, 1),
      submit(committer, 2),
      committer.commit(() => ({ drafts: [scheduled(1)], result: undefined })),
    ];
    await drain();
    repository.finish();
    await Promise.all(both);
    expect(published.map(({ previous }) => previous)).toEqual([undefined, undefined, 1]);
    expect(published[2]).toMatchObject({ before: 'pending', after: 'scheduled' });
  });

  it('waits for what is staged when it closes, and then refuses', async () => {
    const { committer, repository } = makeCommitter();
    const first = submit(committer, 1);
    await drain();
    const closed = committer.close();
    await expect(submit(committer, 2)).rejects.toMatchObject({ code: 'unavailable' });
    repository.finish();
    await closed;
    expect(await first).toBe('done 1');
  });

  it('ends for good when what is durable cannot be taken over', async () => {
    const { committer, repository, fatal } = makeCommitter({
      publish: () => {
        throw new Error('no more room');
      },
    });
    const done = submit(committer, 1);
    await drain();
    repository.finish();
    await done;
    expect(fatal).toMatchObject([{ code: 'internal' }]);
    await expect(submit(committer, 2)).rejects.toMatchObject({ code: 'internal' });
  });
});
