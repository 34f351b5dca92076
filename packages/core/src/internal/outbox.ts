/**
 * What a move has to tell others, kept until the move is complete.
 *
 * Answering a caller, publishing an event and starting a dial run strangers' code at once. That code may throw, and it may use the
 * pool again. Here it runs between moves and never in the middle of one, each piece behind a boundary of its own: what it throws is
 * told in the log and harms neither the machine nor the next piece. Pieces run in the order they were put; what is put meanwhile is
 * appended, so the stack does not grow.
 *
 * An answer resumes a fiber, which runs until it waits for something. It is given at once, as a piece like any other, if an event has
 * caused it (the end of a dial, a loss, a deadline) or the caller's own question. Three kinds are given later, in a task of the
 * scheduler's dispatcher, as Effect's `Pool` resumes its waiters:
 * - a hand-off, which another caller has caused by giving back: that caller goes on first, and is not held up by the next one's work;
 * - all past the first `turn` in one go: callers that ask again at once serve each other for ever where dials take no time, and ten
 *   thousand that are refused together would keep the event loop for as long as all of them run on;
 * - those behind one that is given later: no answer overtakes another.
 */
import type * as Scheduler from "effect/Scheduler"
import type { Defects } from "./defects.ts"

interface Piece {
  readonly of: string
  readonly what: string
  readonly run: () => void
}

/** Answers given in one go. The event loop has a turn between them: a thousand callers that run on take a few milliseconds. */
const turn = 1024

export class Outbox {
  private pieces: Array<Piece> = []
  /** Answers for the dispatcher's next task. */
  private readonly later: Array<Piece> = []
  private isSending = false
  private isHandingOff = false
  /** Answers among the pieces since the last time there were none. */
  private answers = 0
  private readonly defects: Defects
  private readonly dispatcher: Scheduler.SchedulerDispatcher

  constructor(defects: Defects, dispatcher: Scheduler.SchedulerDispatcher) {
    this.defects = defects
    this.dispatcher = dispatcher
  }

  /** `of` names the key, `what` says what broke if it throws. */
  put(of: string, what: string, run: () => void): void {
    this.pieces.push({ of, what, run })
  }

  /** For waiting callers. */
  answer(of: string, what: string, run: () => void): void {
    if (!this.isHandingOff && this.later.length === 0 && this.answers < turn) {
      this.answers++
      this.put(of, what, run)
    } else if (this.later.push({ of, what, run }) === 1) this.askForTask()
  }

  /** Runs a move whose answers are hand-offs. */
  handOff(move: () => void): void {
    this.isHandingOff = true
    try {
      move()
    } finally {
      this.isHandingOff = false
    }
  }

  /** To be called at the end of every move. A piece that uses the pool comes back here, and its pieces go to the end. */
  send(): void {
    if (this.isSending || this.pieces.length === 0) return
    this.isSending = true
    const { pieces } = this
    for (const piece of pieces) this.run(piece)
    this.pieces = []
    this.answers = 0
    this.isSending = false
  }

  private askForTask(): void {
    this.dispatcher.scheduleTask(this.answerLater, 0)
  }

  private readonly answerLater = (): void => {
    const { later } = this
    const answers = later.slice(0, turn)
    for (const answer of answers) this.run(answer)
    // Only now, so that what is put meanwhile goes behind them.
    later.splice(0, answers.length)
    if (later.length > 0) this.askForTask()
  }

  private run({ of, run, what }: Piece): void {
    try {
      run()
    } catch (defect) {
      this.defects.tell(`${of}: ${what}`, defect)
    }
  }
}
