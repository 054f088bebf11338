import { expect, test } from 'vitest';
import * as cube from '../../src/index.ts';

test('the library offers these names, and no others by accident', () => {
  expect(Object.keys(cube).sort()).toEqual([
    'CubeError',
    'Manager',
    'MemoryStore',
    'SimulatedWorld',
    'createCubeClient',
    'createDockerRuntime',
    'createMachineStats',
    'createManagerLinkClient',
    'createManagerServer',
    'createProcessRuntime',
    'createScheduler',
    'createSimulatedRuntime',
    'createWorker',
    'createWorkerClient',
    'createWorkerServer',
    'errorCodes',
    'eventTypes',
    'isCubeError',
    'loadWorkerIdentity',
    'machineCapacity',
    'managerCollections',
    'netProber',
    'noopLogger',
    'openSqliteStore',
    'readSubmission',
    'saveWorkerIdentity',
    'schedulerNames',
    'systemClock',
    'systemRandom',
    'taskSpecSchema',
    'taskStates',
    'workerCollections',
  ]);
});
