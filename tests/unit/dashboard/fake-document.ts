import type { VisibleDocument } from '../../../src/dashboard/model/page-visibility.ts';

/** A document that is shown and hidden by the test. */
export function fakeDocument(): VisibleDocument & { turn(state: 'visible' | 'hidden'): void } {
  const target = new EventTarget();
  let visibilityState: 'visible' | 'hidden' = 'visible';
  const document = {
    get visibilityState() {
      return visibilityState;
    },
    addEventListener: target.addEventListener.bind(target),
    removeEventListener: target.removeEventListener.bind(target),
    turn(state: 'visible' | 'hidden') {
      visibilityState = state;
      target.dispatchEvent(new Event('visibilitychange'));
    },
  };
  return document as never;
}
