// What runs on the browser's thread for sound. `app.server.worklet` serves it by itself, at worklet.js.

/** @import {DeskSettings} from "./types" */

import {Desk} from "./desk.js"

/** Plays the sound of its first channel; its second is what the room makes of it. */
class DeskProcessor extends AudioWorkletProcessor {
  /** @param {{processorOptions: DeskSettings}} options */
  constructor({processorOptions}) {
    super()
    const desk = new Desk(sampleRate)
    desk.set(processorOptions)
    this.desk = desk
    this.said = false
    this.port.onmessage = (/** @type {MessageEvent<DeskSettings>} */ {data}) => desk.set(data)
  }

  /**
   * @param {Float32Array[][]} inputs
   * @param {Float32Array[][]} outputs
   * @returns {boolean}
   */
  process([input], [[out]]) {
    const silence = new Float32Array(out.length)
    this.desk.process(input[0] ?? silence, input[1] ?? silence, out)
    if (this.desk.overflowed !== this.said) {
      this.said = this.desk.overflowed
      this.port.postMessage(this.said ? "overflowed" : "fine")
    }
    return true
  }
}

registerProcessor("amtlab-desk", DeskProcessor)
