/**
 * The terminal as Node has it. The promises are those of `Screen`.
 *
 * What restores it is registered before it is changed, at the end of the process itself: a fault, a second signal and `process.exit` go that way,
 * too. It is written synchronously, because nothing runs after it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { writeSync } from "node:fs"
import { type HeldScreen, Screen, type ScreenNews } from "../top/Screen.ts"

/** The alternate screen, no cursor, and no line that goes on in the next one. */
const enter = "\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J"

/** Each is restored by itself: terminals keep the cursor and the screen apart. */
const leave = "\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l"

/** Stdin and stdout of this process. */
export const layer: Layer.Layer<Screen> = Layer.sync(Screen, () => ({
  isThere: process.stdin.isTTY === true && process.stdout.isTTY === true && process.env["TERM"] !== "dumb",
  hold
}))

const hold: Effect.Effect<HeldScreen, never, Scope.Scope> = Effect.gen(function*() {
  const { stdin, stdout } = process
  const news = yield* Queue.unbounded<ScreenNews>()
  const tell = (one: ScreenNews): void => void Queue.offerUnsafe(news, one)
  const onData = (text: string): void => tell({ _tag: "Typed", text })
  const onResize = (): void => tell({ _tag: "Resized" })
  const onGone = (): void => tell({ _tag: "Gone" })
  let isHeld = false
  const take = (): void => {
    isHeld = true
    stdin.setRawMode(true)
    say(enter)
  }
  const giveBack = (): void => {
    if (!isHeld) return
    isHeld = false
    // The rest is done even if the terminal has gone.
    try {
      stdin.setRawMode(false)
    } catch {
      // There is no terminal to be restored.
    }
    say(leave)
  }
  /** The shell, or another program, has had the terminal meanwhile: it is in whatever mode, and shows whatever. */
  const goOn = (): void => {
    if (isHeld) stdin.setRawMode(false)
    take()
    onResize()
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      process.once("exit", giveBack)
      stdin.setEncoding("utf8").on("data", onData).once("end", onGone).once("error", onGone)
      stdout.on("resize", onResize)
      process.on("SIGCONT", goOn)
      take()
    }),
    () =>
      Effect.sync(() => {
        giveBack()
        process.off("exit", giveBack).off("SIGCONT", goOn)
        stdin.off("data", onData).off("end", onGone).off("error", onGone).pause()
        stdout.off("resize", onResize)
      })
  )
  return {
    // Some terminals say that they have no size.
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    news,
    stop: Effect.sync(() => {
      giveBack()
      // The whole job, as the terminal itself would: a shell waits for that.
      process.kill(0, "SIGTSTP")
      // Without a shell that could let it go on the system does not stop it.
      if (!isHeld) goOn()
    })
  }
})

/** To what may have gone. */
const say = (text: string): void => {
  try {
    writeSync(process.stdout.fd, text)
  } catch {
    // A terminal that has gone has nothing to restore, and one that takes nothing just now must not keep the process from its end.
  }
}
