// One question at a time: the next message goes when the picture for the last one is drawn, so that a fast drag never
// queues pictures that nobody will see. Where a picture takes long, another gesture does not wait for it: the server gives
// it up for the newer one.

/** @import {Message, Point, Value, Values} from "./types" */

// What takes longer than this, ms, is shown to be on its way.
export const SLOW_MS = 500
// A lost answer must not silence the controls for good: after so long, ms, the next question goes without it.
const RESCUE_MS = 4000

/**
 * @typedef {object} Queue
 * @property {(key: string, value: Value, step: number) => void} set
 * @property {(place: Point, step: number) => void} point
 * @property {(message: Message) => void} ask send what a button says, after whatever was moved before it
 * @property {(number: number) => void} answered the server has taken all up to this number
 * @property {(number: number) => void} drawn the picture for this number is on the page
 * @property {() => void} lost the connection has broken
 * @property {() => void} found there is a connection again
 * @property {() => Values} underWay the values that the server has not answered yet
 */

/**
 * @param {(message: Message) => void} send
 * @param {(is: boolean) => void} showComputing called with true where a picture takes long, with false when it is there
 * @returns {Queue}
 */
export function createQueue(send, showComputing) {
  // What has been sent and not answered yet, by the number of its message.
  /** @type {Map<number, Values>} */
  const sent = new Map()
  /** @type {Values} */
  let waiting = {}
  /** @type {Point | null} */
  let pointed = null
  // The steps of undo that what waits belongs to: another step goes in a message of its own.
  let waitingStep = 0, pointedStep = 0
  // The step of the last question, and whether its picture takes long.
  let askedStep = 0, isSlow = false
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let rescue
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let slow
  let busy = false, lost = false, sequence = 0

  const isWaiting = () => Object.keys(waiting).length > 0
  const sendNext = () => {
    busy = true
    isSlow = false
    askedStep = isWaiting() ? waitingStep : pointedStep
    sequence += 1
    if (isWaiting()) {
      send({type: "set", values: waiting, sequence, step: waitingStep})
      sent.set(sequence, waiting)
      waiting = {}
    } else if (pointed) {
      send({type: "point", ...pointed, sequence, step: pointedStep})
      pointed = null
    }
    // The last picture stays until the new one is there, and is marked where that takes long.
    clearTimeout(slow)
    slow = setTimeout(() => {
      isSlow = true
      showComputing(true)
      flush()
    }, SLOW_MS)
    clearTimeout(rescue)
    rescue = setTimeout(() => { busy = false; flush() }, RESCUE_MS)
  }
  const isAnother = () => (isWaiting() ? waitingStep : pointedStep) !== askedStep
  const flush = () => {
    if (!lost && (pointed || isWaiting()) && (!busy || (isSlow && isAnother()))) sendNext()
  }
  const underWay = () => Object.assign({}, ...sent.values(), waiting)
  return {
    set(key, value, step) {
      if (!lost && isWaiting() && step !== waitingStep) sendNext()
      waiting[key] = value
      waitingStep = step
      flush()
    },
    point(place, step) {
      if (!lost && pointed && !isWaiting() && step !== pointedStep) sendNext()
      pointed = place
      pointedStep = step
      flush()
    },
    ask(message) {
      while (!lost && (pointed || isWaiting())) sendNext()
      send(message)
    },
    answered(number) {
      for (const earlier of [...sent.keys()]) if (earlier <= number) sent.delete(earlier)
    },
    drawn(number) {
      if (number < sequence) return
      clearTimeout(rescue)
      clearTimeout(slow)
      showComputing(false)
      busy = false
      flush()
    },
    lost() {
      lost = true
      clearTimeout(rescue)
      waiting = underWay()
      sent.clear()
    },
    found() {
      lost = busy = false
      flush()
    },
    underWay,
  }
}
