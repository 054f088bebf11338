import { describe, expect, it } from 'vitest';
import type { CubeError, InputIssue } from '../../../src/errors/cube-error.ts';
import { readSubmission } from '../../../src/task/read-submission.ts';

const id = '21b23589-5d2d-4731-b5c9-a97e9832d021';

/** As the book's curl command sends it. */
const sample = {
  ID: '6be4cb6b-61d1-40cb-bc7b-9cacefefa60c',
  State: 2,
  Timestamp: '2021-12-01T00:00:00Z',
  Task: {
    State: 1,
    ID: id,
    Name: 'test-chapter-9.1',
    Image: 'timboring/echo-server:latest',
    ExposedPorts: { '7777/tcp': {} },
    PortBindings: { '7777/tcp': '7777' },
    HealthCheck: '/health',
  },
};

const withTask = (fields: object): object => ({ ...sample, Task: { ...sample.Task, ...fields } });

function issuesOf(input: unknown): readonly InputIssue[] {
  try {
    readSubmission(input);
  } catch (error) {
    return (error as CubeError).issues;
  }
  return [];
}

describe("the reference's task event", () => {
  it('is read as the reference means it', () => {
    expect(readSubmission(sample)).toMatchObject({
      kind: 'run',
      id,
      spec: {
        name: 'test-chapter-9.1',
        image: 'timboring/echo-server:latest',
        runtime: 'docker',
        ports: [{ container: 7777, host: 7777, protocol: 'tcp' }],
        health: { http: { port: 7777, path: '/health' } },
        restart: { policy: 'on-failure', attempts: 3 },
      },
    });
  });

  it('may have its keys in any case', () => {
    const lower = JSON.parse(
      JSON.stringify(sample).replace(
        /"([A-Za-z]+)":/g,
        (_, key: string) => `"${key.toLowerCase()}":`,
      ),
    );
    expect(readSubmission(lower)).toEqual(readSubmission(sample));
  });

  it('is refused when a key comes twice in different case', () => {
    expect(issuesOf({ ...sample, state: 1 })).toEqual([
      { field: 'State', got: 'it twice, in different case', want: 'it once' },
    ]);
  });

  it('takes nothing, null and zero for what was not asked', () => {
    const nulls = { Cpu: 0, Memory: 0, Disk: 0, HealthCheck: '', RestartPolicy: '' };
    const wish = readSubmission(withTask({ ...nulls, ExposedPorts: null, PortBindings: null }));
    expect(wish).toMatchObject({ kind: 'run', spec: { ports: [] } });
    expect(wish.kind === 'run' && 'memory' in wish.spec).toBe(false);
  });

  it.each([
    ['always', { policy: 'always' }],
    ['unless-stopped', { policy: 'always' }],
    ['on-failure', { policy: 'on-failure' }],
    ['no', { policy: 'never' }],
    ['', { policy: 'on-failure', attempts: 3 }],
  ])('has the restart policy %j', (policy, restart) => {
    const wish = readSubmission(withTask({ RestartPolicy: policy }));
    expect(wish).toMatchObject({ spec: { restart } });
  });

  it('publishes every exposed port, on a free one where none is bound', () => {
    const ports = { ExposedPorts: { '80/tcp': {}, '53/udp': {} }, PortBindings: { '80': '' } };
    const wish = readSubmission(withTask({ ...ports, HealthCheck: '' }));
    expect(wish.kind === 'run' && wish.spec.ports).toEqual([
      { container: 80, protocol: 'tcp', address: '127.0.0.1' },
      { container: 53, protocol: 'udp', address: '127.0.0.1' },
    ]);
  });

  it.each([0, 1, 2, 4, 'Pending', 'scheduled'])('with state %j asks to run', (state) => {
    expect(readSubmission({ ...sample, State: state }).kind).toBe('run');
  });

  it.each([3, 'Completed'])('with state %j asks to stop the task', (state) => {
    expect(readSubmission({ ...sample, State: state })).toEqual({ kind: 'stop', id });
  });

  it('that asks to stop must say which task', () => {
    expect(issuesOf({ State: 3, Task: { Name: 'x' } })[0]?.field).toBe('Task.ID');
  });

  it('ignores results that a client sends back', () => {
    const results = {
      StartTime: '2021-12-01T00:00:00Z',
      FinishTime: 'nonsense',
      ContainerID: 5,
      HostPorts: { '80/tcp': [] },
      RestartCount: 7,
    };
    expect(readSubmission(withTask(results))).toEqual(readSubmission(sample));
  });

  it.each([
    [{ ...sample, State: 5 }, 'State', '5'],
    [{ ...sample, State: 'Dead' }, 'State', '"Dead"'],
    [withTask({ State: -1 }), 'Task.State', '-1'],
    [withTask({ ID: 'x' }), 'Task.ID', '"x"'],
    [withTask({ Name: 'a b' }), 'Task.Name', '"a b"'],
    [withTask({ Name: undefined }), 'Task.Name', '""'],
    [withTask({ Image: 'A B' }), 'Task.Image', '"A B"'],
    [withTask({ Image: undefined }), 'Task.Image', 'nothing'],
    [withTask({ Cpu: -1 }), 'Task.Cpu', '-1'],
    [withTask({ Memory: 1024 }), 'Task.Memory', '1024'],
    [withTask({ Disk: 0.5 }), 'Task.Disk', '0.5'],
    [withTask({ ExposedPorts: { http: {} } }), 'Task.ExposedPorts.http', '"http"'],
    [withTask({ PortBindings: { '7777/tcp': 'x' } }), 'Task.PortBindings["7777/tcp"]', '"x"'],
    [withTask({ PortBindings: { '7777/tcp': '99999' } }), 'Task.PortBindings', '99999'],
    [withTask({ RestartPolicy: 'sometimes' }), 'Task.RestartPolicy', '"sometimes"'],
    [withTask({ HealthCheck: 'health' }), 'Task.HealthCheck', '"health"'],
    [withTask({ ExposedPorts: {}, PortBindings: {} }), 'Task.HealthCheck', '"/health"'],
    [withTask({ Imagee: 'x' }), 'Task.Imagee', '"x"'],
    [{ ...sample, Taskk: {} }, 'Taskk', 'an object'],
    [{ Task: [] }, 'Task', 'a list of 0'],
  ])('names the field as Go does: %#', (input, field, got) => {
    const [issue] = issuesOf(input);
    expect(issue).toMatchObject({ field, got });
    expect(issue?.want).not.toBe('');
  });
});
