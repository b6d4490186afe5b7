// What a page does when its connection closes: wait and try again, or open anew.

// What a server process closes a connection with whose session it does not have, and the range of codes that come with
// a sentence for the person (app/server/refusals.py).
const NO_SUCH_SESSION = 4404, FIRST_REFUSAL = 4400, LAST_REFUSAL = 4499
// A hub's jupyter-server-proxy passes on neither code nor reason. Where the server is gone, it breaks off (1006).
const NOTHING_SAID = 1005, BARE_TRIES = 8

/**
 * @typedef {object} Reconnection
 * @property {(event: {code: number, reason: string}) => boolean} closed take in a closing; true where the session is gone
 *   and the page must open anew
 * @property {() => number} delay until the next try, ms
 * @property {() => string} refusal why the server refuses the page, in its own words, or nothing
 * @property {() => void} found there is a connection again
 */

/** @returns {Reconnection} */
export function createReconnection() {
  let tries = 0, refusal = ""
  return {
    closed({code, reason}) {
      const isBare = code === NOTHING_SAID, isUnknown = code === NO_SUCH_SESSION
      refusal = code >= FIRST_REFUSAL && code <= LAST_REFUSAL && !isUnknown ? reason : ""
      if (isUnknown || isBare) tries += 1
      // With an unknown session the server says how many processes there are to be asked.
      return tries >= Number(reason || (isBare ? BARE_TRIES : Infinity))
    },
    delay() {
      if (refusal) return 10000
      // A session may be in another process, which is asked soon; a class does not come back in the same instant.
      return tries ? 200 : 1000 + 2000 * Math.random()
    },
    refusal: () => refusal,
    found() {
      tries = 0
      refusal = ""
    },
  }
}
