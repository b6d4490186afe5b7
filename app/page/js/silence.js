// A network that hangs: the connection still stands, but nothing comes through it.

// After so long without an answer, ms, the server is asked whether it is there, and has so long to answer.
export const ASK_AFTER_MS = 2500
const ANSWER_WITHIN_MS = 2000

/**
 * @param {(within: number) => Promise<unknown>} isThere resolves when the server has answered, rejects when it has not
 * @param {(is: boolean) => void} show called with true where the network hangs, with false when it no longer does
 * @returns {{waiting: () => void, answered: () => void}} to be called when an answer is waited for, and when one is there
 */
export function watchSilence(isThere, show) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let asking
  let waits = false
  const ask = async () => {
    let hangs = false
    try {
      await isThere(ANSWER_WITHIN_MS)
    } catch {
      hangs = true
    }
    if (!waits) return
    show(hangs)
    asking = setTimeout(ask, ASK_AFTER_MS)
  }
  return {
    waiting() {
      if (waits) return
      waits = true
      asking = setTimeout(ask, ASK_AFTER_MS)
    },
    answered() {
      waits = false
      clearTimeout(asking)
      show(false)
    },
  }
}
