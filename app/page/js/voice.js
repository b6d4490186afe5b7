// One sound as the browser's audio clock plays it: from any place, in a loop of a region, with short ramps where it is cut.

// Ramps at the ends of what is cut out of a sound, s: short enough to be no onset, long enough not to click.
const RAMP_S = 0.005

/** @typedef {{from: number, to: number}} Region in s */

/**
 * Cut a region out of a sound, with ramps at both ends, to be played in a loop.
 * @param {Float32Array} samples
 * @param {number} fs
 * @param {Region} region
 * @returns {Float32Array<ArrayBuffer>}
 */
export function cutOut(samples, fs, {from, to}) {
  const first = Math.round(from * fs)
  const found = samples.slice(first, Math.max(Math.round(to * fs), first + 1))
  const length = Math.min(Math.round(RAMP_S * fs), Math.floor(found.length / 2))
  for (let i = 0; i < length; i += 1) {
    const factor = Math.sin(Math.PI / 2 * (i + 0.5) / length) ** 2
    found[i] *= factor
    found[found.length - 1 - i] *= factor
  }
  return /** @type {Float32Array<ArrayBuffer>} */ (found)
}

/**
 * @param {number} elapsed since it began to be heard, s
 * @param {number} begin where it began, s
 * @param {number} duration s
 * @param {Region | null} loop
 * @returns {number} the place that is heard, s
 */
export function placeAfter(elapsed, begin, duration, loop) {
  const at = begin + Math.max(elapsed, 0)
  if (!loop) return Math.min(at, duration)
  return loop.from + (at - loop.from) % (loop.to - loop.from)
}

/** @param {DataView} wav @returns {number} sampling rate of a WAV file, Hz */
export function rateOf(wav) {
  return wav.getUint32(24, true)
}

/**
 * @typedef {object} Voice
 * @property {(wav: ArrayBuffer) => Promise<void>} load take a sound, stopped and without a loop
 * @property {(from?: number) => Promise<boolean>} play whether the browser lets it be heard
 * @property {() => void} pause
 * @property {(place: number) => void} seek s
 * @property {(region: Region | null) => void} loop play a region over and over, or the whole once
 * @property {() => number} place that is heard now, s
 * @property {() => number} duration s
 * @property {() => Region | null} looped
 * @property {() => boolean} isPlaying
 */

/**
 * @param {() => void} changed called when it begins or ends
 * @returns {Voice}
 */
export function createVoice(changed) {
  /** @type {AudioContext | null} */
  let context = null
  /** @type {AudioBuffer | null} */
  let sound = null
  /** @type {{source: AudioBufferSourceNode, gain: GainNode} | null} */
  let playing = null
  /** @type {Region | null} */
  let loop = null
  let began = 0, begin = 0, resting = 0

  const duration = () => sound?.duration ?? 0
  const place = () => {
    if (!playing || !context) return resting
    // What is rendered now is heard a little later.
    const elapsed = context.currentTime - began - (context.outputLatency || context.baseLatency || 0)
    return placeAfter(elapsed, begin, duration(), loop)
  }
  const silence = () => {
    if (!playing || !context) return
    const {source, gain} = playing
    const now = context.currentTime
    playing = null
    source.onended = null
    gain.gain.setValueAtTime(1, now)
    gain.gain.linearRampToValueAtTime(0, now + RAMP_S)
    source.stop(now + RAMP_S)
  }
  const pause = () => {
    resting = place()
    silence()
    changed()
  }
  /** @param {number} [from] */
  const play = async (from = resting) => {
    if (!context || !sound) return false
    silence()
    const inLoop = loop && from >= loop.from && from < loop.to
    begin = loop ? inLoop ? from : loop.from : from >= duration() ? 0 : from
    const source = context.createBufferSource()
    source.buffer = loop ? cut(context, sound, loop) : sound
    source.loop = loop !== null
    const gain = context.createGain()
    source.connect(gain).connect(context.destination)
    began = context.currentTime
    if (begin > 0 && begin !== loop?.from) {
      gain.gain.setValueAtTime(0, began)
      gain.gain.linearRampToValueAtTime(1, began + RAMP_S)
    }
    source.onended = () => {
      playing = null
      resting = 0
      changed()
    }
    source.start(began, begin - (loop?.from ?? 0))
    playing = {source, gain}
    changed()
    await Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, 300))])
    return context.state === "running"
  }
  return {
    async load(wav) {
      silence()
      const fs = rateOf(new DataView(wav))
      if (context?.sampleRate !== fs) {
        await context?.close()
        context = new AudioContext({sampleRate: fs})  // at the sound's own rate its samples are played as they are
      }
      sound = await context.decodeAudioData(wav)
      loop = null
      resting = 0
    },
    play,
    pause,
    seek(to) {
      resting = to
      if (playing) void play(to)
      else changed()
    },
    loop(region) {
      const at = place()
      loop = region
      if (playing) void play(at)
      else changed()
    },
    place,
    duration,
    looped: () => loop,
    isPlaying: () => playing !== null,
  }
}

/** @param {AudioContext} context @param {AudioBuffer} sound @param {Region} region */
function cut(context, sound, region) {
  const channels = Array.from({length: sound.numberOfChannels},
    (_, i) => cutOut(sound.getChannelData(i), sound.sampleRate, region))
  const found = context.createBuffer(channels.length, channels[0].length, sound.sampleRate)
  for (const [i, samples] of channels.entries()) found.copyToChannel(samples, i)
  return found
}
