// Which moves are one step of undo: a drag is one, and so are the presses of a key that follow each other closely.

// Presses of a key that are further apart, ms, are steps of their own.
const PAUSE_MS = 800

/**
 * @typedef {object} Moves
 * @property {(what: string) => number} of the number of the step that a move of this now belongs to
 * @property {() => void} press a pointer goes down: whatever moves next is another step
 * @property {() => void} release it goes up
 */

/**
 * @param {() => number} [now] ms
 * @returns {Moves}
 */
export function createMoves(now = () => performance.now()) {
  let number = 0, last = "", at = -Infinity
  let isPressed = false, isFresh = false
  return {
    of(what) {
      const goesOn = what === last && !isFresh && (isPressed || now() - at < PAUSE_MS)
      if (!goesOn) number += 1
      last = what
      at = now()
      isFresh = false
      return number
    },
    press() {
      isPressed = isFresh = true
    },
    release() {
      isPressed = false
    },
  }
}
