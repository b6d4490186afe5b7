// What the listening test asks the server: it asks again until it is answered, for a connection may be lost in a trial.

/** @import {TrialSound} from "./types" */

const WAITS_MS = [300, 700, 1500, 3000, 5000]
const PATIENCE_MS = 20000

/** A refusal of the server, in words for the person at the page. */
export class Refused extends Error {
  /** @param {string} text @param {boolean} unknown whether the run or room is not there any more */
  constructor(text, unknown) {
    super(text)
    this.unknown = unknown
  }
}

/** @type {(text: string) => void} */
let tell = () => {}

/** @param {(text: string) => void} run with a sentence when the connection is lost, and with "" when it is back */
export function whenLost(run) {
  tell = run
}

/** @param {number} ms @returns {Promise<void>} after a while, or when the browser has a network again */
function pause(ms) {
  return new Promise((resolve) => {
    const go = () => {
      window.removeEventListener("online", go)
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(go, ms)
    window.addEventListener("online", go)
  })
}

/**
 * @param {string} where
 * @param {Record<string, unknown>} message
 * @returns {Promise<Response>}
 */
async function post(where, message) {
  for (let tries = 0; ; tries += 1) {
    try {
      const response = await fetch(`listen/${where}`, {
        method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(message),
        signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store",
      })
      if (response.redirected || response.status === 403) {
        location.reload()  // logged out
        throw new Refused("You are logged out: log in again.", false)
      }
      if (response.ok) {
        tell("")
        return response
      }
      if (response.status === 500 && tries > 1)
        throw new Refused("The server fails to answer this. What you have answered is kept: reload the page.", false)
      if (response.status < 500 && response.status !== 429)
        throw new Refused("This page is not the one that this server hands out: reload it.", false)
    } catch (problem) {
      if (problem instanceof Refused) throw problem
    }
    tell("No connection. Trying again; nothing is lost.")
    await pause(WAITS_MS[Math.min(tries, WAITS_MS.length - 1)])
  }
}

/**
 * @template T
 * @param {Record<string, unknown>} message
 * @returns {Promise<T>}
 */
export async function ask(message) {
  const answer = await (await post("ask", message)).json()
  if (answer.problem && message.type !== "open") throw new Refused(answer.problem, Boolean(answer.unknown))
  return answer
}

/**
 * @param {Record<string, unknown>} message
 * @returns {Promise<TrialSound>}
 */
export async function fetchSound(message) {
  const response = await post("sound", message)
  if (response.headers.get("Content-Type")?.startsWith("application/json")) {
    const answer = await response.json()
    throw new Refused(answer.problem, Boolean(answer.unknown))
  }
  return unpackSound(await response.arrayBuffer())
}

/**
 * @param {ArrayBuffer} data as `app/listen/sounds.py` packs it
 * @returns {TrialSound}
 */
export function unpackSound(data) {
  const view = new DataView(data)
  const long = view.getUint32(0, true)
  const {fs, gain, begins, length, channels: count} = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, long)))
  const frames = (data.byteLength - 4 - long) / 2 / count
  const channels = Array.from({length: count}, () => new Float32Array(frames))
  for (let t = 0; t < frames; t += 1)
    for (let c = 0; c < count; c += 1) channels[c][t] = view.getInt16(4 + long + 2 * (t * count + c), true) / 32768
  return {fs, gain, begins, length, channels}
}
