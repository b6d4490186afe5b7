// What runs on the browser's thread for sound. `app.server.worklet` serves it by itself, at worklet.js.

/** @import {MixerSettings} from "./types" */

import {Mixer} from "./mixer.js"

/** Plays the sound of its first channel; its second is what the room makes of it. */
class MixerProcessor extends AudioWorkletProcessor {
  /** @param {{processorOptions: MixerSettings}} options */
  constructor({processorOptions}) {
    super()
    const mixer = new Mixer(sampleRate)
    mixer.set(processorOptions)
    this.mixer = mixer
    this.said = false
    this.port.onmessage = (/** @type {MessageEvent<MixerSettings>} */ {data}) => mixer.set(data)
  }

  /**
   * @param {Float32Array[][]} inputs
   * @param {Float32Array[][]} outputs
   * @returns {boolean}
   */
  process([input], [[out]]) {
    const silence = new Float32Array(out.length)
    this.mixer.process(input[0] ?? silence, input[1] ?? silence, out)
    if (this.mixer.overflowed !== this.said) {
      this.said = this.mixer.overflowed
      this.port.postMessage(this.said ? "overflowed" : "fine")
    }
    return true
  }
}

registerProcessor("amtlab-mixer", MixerProcessor)
