import { describe, expect, it } from 'vitest';
import { Life } from '../../../src/simulation/cluster/life.ts';
import { Dice } from '../../../src/simulation/dice.ts';
import { SimulatedDisk } from '../../../src/simulation/disk/simulated-disk.ts';
import { VirtualClock } from '../../../src/simulation/virtual-clock.ts';

const write = (key: string) => ({ put: [{ collection: 'meta' as const, key, value: { key } }] });

function makeDisk(seed = 1): { disk: SimulatedDisk; clock: VirtualClock } {
  const clock = new VirtualClock();
  return { clock, disk: new SimulatedDisk({ clock, dice: new Dice(seed, 'disk') }) };
}

describe('a simulated disk', () => {
  it('keeps what was written when the process dies', async () => {
    const { disk } = makeDisk();
    const life = new Life();
    await disk.open(life).transact(write('a'));
    life.end();
    expect(await disk.open(new Life()).find('meta', 'a')).toMatchObject({ value: { key: 'a' } });
  });

  it('has made a write that was under way at a death, or has not: one as often as the other', async () => {
    let made = 0;
    for (let seed = 1; seed <= 40; seed += 1) {
      const { disk, clock } = makeDisk(seed);
      disk.delayMs = 100;
      const life = new Life();
      void disk.open(life).transact(write('a'));
      await clock.advance(0);
      life.end();
      if ((await disk.store.find('meta', 'a')) !== undefined) made += 1;
    }
    expect(made).toBeGreaterThan(10);
    expect(made).toBeLessThan(30);
  });

  it('refuses while it is full, and takes more afterwards', async () => {
    const { disk } = makeDisk();
    const store = disk.open(new Life());
    disk.isFull = true;
    await expect(store.transact(write('a'))).rejects.toMatchObject({ code: 'storage-full' });
    disk.isFull = false;
    await store.transact(write('a'));
    expect(await store.count('meta')).toBe(1);
  });

  it('is of no more use to a process after a failed flush, but to the next one', async () => {
    const { disk } = makeDisk();
    const store = disk.open(new Life());
    disk.nextFailure = 'made';
    await expect(store.transact(write('a'))).rejects.toMatchObject({ code: 'storage-failed' });
    await expect(store.find('meta', 'a')).rejects.toMatchObject({ code: 'storage-failed' });
    expect(await disk.open(new Life()).find('meta', 'a')).toMatchObject({ value: { key: 'a' } });
  });
});
