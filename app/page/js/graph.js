// How a sound reaches the ear in a page: looped, through two networks and a room, to the speakers. Works for an
// `AudioContext` and, in tests, for one that renders offline.

/** @import {MixerSettings} from "./types" */

import {Mixer, FADE_S} from "./mixer.js"

// Frames that the page itself computes at once where there is no worklet.
const FRAMES = 4096
// When what has been faded out is taken away, ms.
const FADED_MS = 1000

/**
 * @typedef {object} Graph
 * @property {(settings: MixerSettings) => void} set
 * @property {(samples: Float32Array<ArrayBuffer>) => void} setRoom the room's impulse response; none where it is empty
 * @property {(samples: Float32Array<ArrayBuffer>) => void} play loop a sound from its beginning; it waits for its gain
 * @property {(stream: MediaStream) => void} listen send on what a microphone hears; it waits for its gain
 * @property {(gain: number) => void} setGain of what was begun last
 * @property {() => void} end stop what was begun last, once it has been faded out
 */

/**
 * @param {BaseAudioContext} context
 * @param {string} worklet address of worklet.js
 * @param {MixerSettings} settings what holds from the first sample on
 * @param {(overflowed: boolean) => void} [report] called when a network does not decay, and when one does again
 * @returns {Promise<Graph>}
 */
export async function openGraph(context, worklet, settings, report = () => {}) {
  const {node, set} = context.audioWorklet ? await inWorklet(context, worklet, settings, report)
    : inPage(context, settings, report)
  const merger = new ChannelMergerNode(context, {numberOfInputs: 2})
  const input = new GainNode(context, {channelCount: 1, channelCountMode: "explicit"})
  input.connect(merger, 0, 0)
  merger.connect(node)
  node.connect(context.destination)
  /** @type {{gate: GainNode, stop: () => void} | null} */
  let sound = null
  /** @type {{gate: GainNode, convolver: ConvolverNode} | null} */
  let room = null
  /**
   * @param {AudioNode} source
   * @param {() => void} stop
   */
  const replace = (source, stop) => {
    end()
    const gate = new GainNode(context, {gain: 0})
    source.connect(gate).connect(input)
    sound = {gate, stop}
  }
  const end = () => {
    if (!sound) return
    ramp(sound.gate.gain, 0, context)
    sound.stop()
    sound = null
  }
  return {
    set,
    setRoom(samples) {
      if (room) {
        const {gate, convolver} = room
        ramp(gate.gain, 0, context)
        setTimeout(() => { input.disconnect(convolver); gate.disconnect() }, FADED_MS)
      }
      room = null
      if (!samples.length) return
      const convolver = new ConvolverNode(context, {disableNormalization: true, buffer: bufferOf(samples, context)})
      const gate = new GainNode(context, {gain: 0})
      input.connect(convolver).connect(gate).connect(merger, 0, 1)
      ramp(gate.gain, 1, context)
      room = {gate, convolver}
    },
    play(samples) {
      const source = new AudioBufferSourceNode(context, {buffer: bufferOf(samples, context), loop: true})
      source.start()
      replace(source, () => source.stop(context.currentTime + 2 * FADE_S))
    },
    listen(stream) {
      const source = new MediaStreamAudioSourceNode(/** @type {AudioContext} */ (context), {mediaStream: stream})
      replace(source, () => { for (const track of stream.getTracks()) track.stop() })
    },
    setGain(gain) {
      if (sound) ramp(sound.gate.gain, gain, context)
    },
    end,
  }
}

/**
 * @param {Float32Array<ArrayBuffer>} samples
 * @param {BaseAudioContext} context
 * @returns {AudioBuffer}
 */
function bufferOf(samples, context) {
  const buffer = new AudioBuffer({length: samples.length, sampleRate: context.sampleRate})
  buffer.copyToChannel(samples, 0)
  return buffer
}

/**
 * @param {AudioParam} gain
 * @param {number} value
 * @param {BaseAudioContext} context
 */
function ramp(gain, value, {currentTime}) {
  gain.cancelScheduledValues(currentTime)
  gain.setValueAtTime(gain.value, currentTime)
  gain.linearRampToValueAtTime(value, currentTime + FADE_S)
}

/**
 * @param {BaseAudioContext} context
 * @param {string} address
 * @param {MixerSettings} settings
 * @param {(overflowed: boolean) => void} report
 */
async function inWorklet(context, address, settings, report) {
  await context.audioWorklet.addModule(address)
  const node = new AudioWorkletNode(context, "amtlab-mixer", {
    outputChannelCount: [1], channelCount: 2, channelCountMode: "explicit", channelInterpretation: "discrete",
    processorOptions: settings,
  })
  node.port.onmessage = ({data}) => report(data === "overflowed")
  return {node, set: (/** @type {MixerSettings} */ fresh) => node.port.postMessage(fresh)}
}

/**
 * Browsers have worklets in pages from https and from the machine itself alone. Elsewhere the page computes the sound.
 * @param {BaseAudioContext} context
 * @param {MixerSettings} settings
 * @param {(overflowed: boolean) => void} report
 */
function inPage(context, settings, report) {
  const mixer = new Mixer(context.sampleRate)
  mixer.set(settings)
  const node = context.createScriptProcessor(FRAMES, 2, 1)
  let said = false
  node.onaudioprocess = ({inputBuffer, outputBuffer}) => {
    mixer.process(inputBuffer.getChannelData(0), inputBuffer.getChannelData(1), outputBuffer.getChannelData(0))
    if (mixer.overflowed !== said) report(said = mixer.overflowed)
  }
  return {node, set: (/** @type {MixerSettings} */ fresh) => mixer.set(fresh)}
}
