import type Docker from 'dockerode';

/** How often a container was started for each (task, attempt), as the engine tells it. */
export async function containerStarts(
  docker: Docker,
  ids: ReadonlySet<string>,
  sinceMs: number,
): Promise<readonly string[]> {
  const stream = await docker.getEvents({
    since: Math.floor(sinceMs / 1000) - 1,
    until: Math.floor(Date.now() / 1000) + 1,
    filters: { type: ['container'], event: ['start'], label: ['cube.task'] },
  });
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line).Actor.Attributes)
    .filter((labels) => ids.has(labels['cube.task']))
    .map((labels) => `${labels['cube.task']}/${labels['cube.attempt']}`);
}

/** Removes what containers are left of these tasks. */
export async function removeContainers(docker: Docker, ids: ReadonlySet<string>): Promise<void> {
  const all = await docker.listContainers({ all: true, filters: { label: ['cube.task'] } });
  const ours = all.filter(({ Labels }) => ids.has(Labels['cube.task'] ?? ''));
  await Promise.all(ours.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true })));
}
