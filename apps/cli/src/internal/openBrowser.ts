/** Wraps the platform: opens an address in the browser of the person, which outlives this program. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"

/** Where there is no such program nothing happens: the address is printed, too. */
export const openBrowser = (platform: string, url: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const [command, ...args] = platform === "darwin"
      ? ["open", url]
      : platform === "win32"
      ? ["rundll32", "url.dll,FileProtocolHandler", url]
      : ["xdg-open", url]
    const child = spawn(command ?? "", args, { stdio: "ignore", detached: true })
    child.once("spawn", () => {
      child.unref()
      resume(Effect.void)
    })
    child.once("error", () => resume(Effect.void))
  })
