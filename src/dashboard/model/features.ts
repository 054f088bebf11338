import { z } from 'zod';
import type { Connection } from '../../client/connection.ts';
import { requestJson, requestText } from '../../client/request.ts';

/** What the manager can be asked to do beside stopping tasks, by the paths that it describes. */
export interface Features {
  readonly restart: boolean;
  readonly drain: boolean;
  readonly resume: boolean;
  readonly label: boolean;
}

export const noFeatures: Features = { restart: false, drain: false, resume: false, label: false };

const descriptionSchema = z.object({ paths: z.record(z.string(), z.looseObject({})) });

/** @throws CubeError */
export async function readFeatures(connection: Connection, signal: AbortSignal): Promise<Features> {
  const request = { path: '/openapi.json', signal };
  const { paths } = (await requestJson(connection, request, descriptionSchema)).value;
  const canPost = (path: string): boolean => paths[path]?.['post'] !== undefined;
  return {
    restart: canPost('/tasks/{id}/restart'),
    drain: canPost('/nodes/{name}/drain'),
    resume: canPost('/nodes/{name}/resume'),
    label: canPost('/nodes/{name}/labels'),
  };
}

/** Ends the current attempt of a task, for a new one. @throws CubeError */
export async function restartTask(connection: Connection, id: string): Promise<void> {
  await requestText(connection, {
    method: 'POST',
    path: `/tasks/${encodeURIComponent(id)}/restart`,
  });
}

/** Lets a node take no new tasks, or take them again. @throws CubeError */
export async function steerNode(
  connection: Connection,
  name: string,
  wish: 'drain' | 'resume',
): Promise<void> {
  const path = `/nodes/${encodeURIComponent(name)}/${wish}`;
  await requestText(connection, { method: 'POST', path });
}

/** Sets labels of a node; null takes one away. @throws CubeError */
export async function labelNode(
  connection: Connection,
  name: string,
  labels: Readonly<Record<string, string | null>>,
): Promise<void> {
  const path = `/nodes/${encodeURIComponent(name)}/labels`;
  await requestText(connection, { method: 'POST', path, body: { labels } });
}
