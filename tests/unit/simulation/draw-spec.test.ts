import { describe, expect, it } from 'vitest';
import { Dice } from '../../../src/simulation/dice.ts';
import { drawMix } from '../../../src/simulation/mix.ts';
import { drawSpec } from '../../../src/simulation/workload/draw-spec.ts';
import { taskSpecSchema } from '../../../src/task/task-spec.ts';

describe('the tasks of a simulated run', () => {
  it('are valid, of every kind, and the same for the same seed', () => {
    const draw = () => {
      const dice = new Dice(7, 'clients');
      return Array.from({ length: 200 }, () => taskSpecSchema.parse(drawSpec(dice, drawMix(7))));
    };
    const specs = draw();
    expect(new Set(specs.map(({ name }) => name))).toEqual(new Set(['server', 'job', 'crasher']));
    expect(draw()).toEqual(specs);
  });
});
