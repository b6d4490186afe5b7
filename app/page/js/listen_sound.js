// A trial is one buffer: its intervals follow each other to the sample, and the lights follow the clock of the sound.

/** @import {TrialSound} from "./types" */

// Nothing is played with a sample above this, whatever a server sends; it keeps to 3 dB below full scale itself.
const CEILING = 0.71
// From the order to the first sample, and how fast a sound ends that is cut off, s.
const AHEAD_S = 0.1
const FADE_S = 0.03

/**
 * @param {TrialSound} sound
 * @returns {boolean} whether all of it stays below the ceiling
 */
export function isSafe({gain, channels}) {
  if (!(gain >= 0)) return false
  return channels.every((channel) => channel.every((sample) => Math.abs(sample) * gain <= CEILING))
}

/**
 * @param {TrialSound} sound
 * @param {number} time since the sound began, s
 * @returns {number} which interval sounds then, or -1
 */
export function intervalAt({begins, length}, time) {
  return begins.findIndex((begin) => time >= begin && time < begin + length)
}

/** @type {AudioContext | null} */
let context = null

/**
 * Make the browser ready to play; only a press of a button or key may do that.
 * @param {number} fs
 * @returns {AudioContext}
 */
export function wake(fs) {
  if (!context || context.sampleRate !== fs) {
    void context?.close()
    context = new AudioContext({sampleRate: fs, latencyHint: "interactive"})
  }
  if (context.state !== "running") void context.resume()
  return context
}

/** @typedef {{done: Promise<boolean>, stop: () => void}} Playing `done` says whether it was heard to its end */

/**
 * @param {TrialSound} sound
 * @param {(interval: number) => void} light is called with the interval that sounds, -1 for none
 * @returns {Playing}
 */
export function playSound(sound, light) {
  if (!isSafe(sound)) throw new Error("This sound would be louder than this page plays: it is not played.")
  const playing = wake(sound.fs)
  const buffer = playing.createBuffer(sound.channels.length, sound.channels[0].length, sound.fs)
  sound.channels.forEach((channel, c) => buffer.copyToChannel(channel, c))
  const source = new AudioBufferSourceNode(playing, {buffer})
  const level = new GainNode(playing, {gain: sound.gain})
  source.connect(level).connect(playing.destination)
  const begin = playing.currentTime + AHEAD_S
  source.start(begin)
  let lit = -1
  let over = false
  const follow = () => {
    if (over) return
    const now = intervalAt(sound, playing.currentTime - begin - (playing.outputLatency || 0))
    if (now !== lit) light(lit = now)
    requestAnimationFrame(follow)
  }
  follow()
  let cut = false
  const done = new Promise((/** @type {(whole: boolean) => void} */ resolve) => {
    source.onended = () => {
      over = true
      if (lit !== -1) light(-1)
      resolve(!cut)
    }
  })
  return {
    done,
    stop() {
      if (over) return
      cut = true
      level.gain.setValueAtTime(sound.gain, playing.currentTime)
      level.gain.linearRampToValueAtTime(0, playing.currentTime + FADE_S)
      source.stop(playing.currentTime + FADE_S)
    },
  }
}
