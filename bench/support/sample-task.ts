import type { Json } from '../../src/store/store.ts';

/** The record of 588 bytes that every store keeps: a task with the fields of the book's. */
export interface SampleTask {
  readonly ID: string;
  readonly RestartCount: number;
  readonly [field: string]: Json;
}

const BYTES = 588;

const unpadded = {
  ID: '00000000-0000-4000-8000-000000000000',
  ContainerID: '8d9f5f4e'.repeat(8),
  Name: 'web-frontend-production',
  State: 2,
  Image: 'registry.example.com/web/frontend:1.27.3',
  Cpu: 0.25,
  Memory: 268_435_456,
  Disk: 1_073_741_824,
  ExposedPorts: { '80/tcp': {} },
  HostPorts: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '32768' }] },
  PortBindings: { '80/tcp': '8080' },
  RestartPolicy: 'on-failure',
  StartTime: '2024-05-01T10:00:00.123456789Z',
  FinishTime: '0001-01-01T00:00:00Z',
  HealthCheck: '',
  RestartCount: 100_000,
};

/** Filled up to its length by the path of its health check. */
export const sampleTask: SampleTask = Object.freeze({
  ...unpadded,
  HealthCheck: '/'.padEnd(BYTES - JSON.stringify(unpadded).length, 'h'),
});

/** The same task under another id, changed: an update that changes nothing could be skipped. */
export function changedTask(id: string): SampleTask {
  return { ...sampleTask, ID: id, RestartCount: 100_000 + Math.floor(Math.random() * 900_000) };
}
