/** Debian's Chromium, driven through the pipe of its own protocol: one page, what it asks for, and what it complains about. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { Readable, Writable } from "node:stream"

export interface Page extends AsyncDisposable {
  readonly open: (url: string) => Promise<void>
  /** The value of an expression in the page, which may be a promise. */
  readonly value: <A>(expression: string) => Promise<A>
  /** Waits until an expression is true. */
  readonly until: (expression: string) => Promise<void>
  /** Presses a key, such as `Tab` or `Enter`. */
  readonly press: (key: "Tab" | "Enter" | "Escape" | "ArrowDown", shift?: boolean) => Promise<void>
  readonly size: (width: number, height: number) => Promise<void>
  readonly scheme: (scheme: "light" | "dark") => Promise<void>
  /** A picture of what is seen, as a PNG. */
  readonly picture: () => Promise<Buffer>
  /** Addresses that were asked for, in their order. */
  readonly asked: ReadonlyArray<string>
  /** What the page, or the browser about it, has complained of. */
  readonly complaints: ReadonlyArray<string>
}

interface Thrown {
  readonly text: string
  readonly exception?: { readonly description?: string }
}

/** Of events, what is looked at. */
interface Params {
  readonly request?: { readonly url: string }
  readonly entry?: { readonly level: string; readonly source: string; readonly text: string }
  readonly exceptionDetails?: Thrown
  readonly type?: string
  readonly args?: ReadonlyArray<{ readonly value?: unknown; readonly description?: string }>
  readonly issue?: { readonly code: string; readonly details: unknown }
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Params
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

/** Where the program is. */
const program = (): string => {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter)
  const folder = folders.find((folder) => fs.existsSync(path.join(folder, "chromium")))
  if (folder === undefined) throw new Error("no chromium: install Debian's package chromium")
  return path.join(folder, "chromium")
}

/** Starts it with an empty profile. When the page is disposed of, all of it has ended and nothing is left. */
export const start = async (): Promise<Page> => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "holdfast-chromium-"))
  const child = spawn(program(), [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
    `--user-data-dir=${folder}/profile`,
    "about:blank"
  ], {
    cwd: folder,
    env: { ...process.env, HOME: folder, TMPDIR: folder, TZ: "UTC", LANG: "C.UTF-8" },
    stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"]
  })
  let said = ""
  child.stderr?.setEncoding("utf8").on("data", (text: string) => void (said += text))
  // Opened as pipes, above.
  const [, , , input, output] = child.stdio as unknown as [null, null, Readable, Writable, Readable]
  const waiting = new Map<number, (message: Message) => void>()
  const listeners = new Set<(message: Message) => void>()
  let rest = ""
  output.setEncoding("utf8").on("data", (text: string) => {
    const messages = (rest + text).split("\0")
    rest = messages.pop() ?? ""
    for (const each of messages) {
      const message: Message = JSON.parse(each)
      if (message.id !== undefined) waiting.get(message.id)?.(message)
      else for (const listen of [...listeners]) listen(message)
    }
  })
  let last = 0
  let sessionId: string | undefined
  // The protocol says what each method gives.
  const send = <A = unknown>(method: string, params: object = {}): Promise<A> =>
    new Promise((resolve, reject) => {
      const id = ++last
      waiting.set(id, ({ error, result }) => {
        waiting.delete(id)
        if (error === undefined) resolve(result as A)
        else reject(new Error(`${method}: ${error.message}`))
      })
      input.write(`${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`)
    })
  input.on("error", () => {})
  const ended = once(child, "exit").then(() => {
    for (const each of waiting.values()) each({ error: { message: `chromium has ended: ${said.slice(-2000)}` } })
  })
  interface Target {
    readonly type: string
    readonly targetId: string
  }
  const { targetInfos } = await send<{ readonly targetInfos: ReadonlyArray<Target> }>("Target.getTargets")
  const target = targetInfos.find(({ type }) => type === "page")
  sessionId = (await send<{ readonly sessionId: string }>("Target.attachToTarget", {
    targetId: target?.targetId,
    flatten: true
  })).sessionId
  const asked: Array<string> = []
  const complaints: Array<string> = []
  listeners.add(({ params: { args, entry, exceptionDetails, issue, request, type } = {} }) => {
    if (request !== undefined) asked.push(request.url)
    if (entry?.level === "error") complaints.push(`${entry.source}: ${entry.text}`)
    if (exceptionDetails !== undefined) complaints.push(wordsOf(exceptionDetails))
    if (args !== undefined && type === "error") {
      complaints.push(args.map(({ description, value }) => String(value ?? description)).join(" "))
    }
    if (issue?.code === "ContentSecurityPolicyIssue") complaints.push(JSON.stringify(issue.details))
  })
  for (const domain of ["Page", "Network", "Log", "Runtime", "Audits"]) await send(`${domain}.enable`)
  const value = async <A>(expression: string): Promise<A> => {
    const { exceptionDetails, result } = await send<
      { readonly exceptionDetails?: Thrown; readonly result: { readonly value: A } }
    >("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true })
    if (exceptionDetails !== undefined) throw new Error(wordsOf(exceptionDetails))
    return result.value
  }
  const keys = { Tab: 9, Enter: 13, Escape: 27, ArrowDown: 40 } as const
  return {
    asked,
    complaints,
    value,
    open: async (url) => {
      // An address of the same page with another fragment would load nothing.
      await send("Page.navigate", { url: "about:blank" })
      await send("Page.navigate", { url })
    },
    until: async (expression) => {
      // Looked at between two frames. The limit only keeps a broken test from hanging.
      for (let i = 0; i < 3000; i++) {
        if (await value<boolean>(`Boolean(${expression})`)) return
        await new Promise((resolve) => setTimeout(resolve, 40))
      }
      const text = await value<string>("document.body.innerText")
      throw new Error(`it did not become true: ${expression}\n${text.slice(0, 3000)}\n${complaints.join("\n")}`)
    },
    press: async (key, shift = false) => {
      const event = { key, code: key, windowsVirtualKeyCode: keys[key], modifiers: shift ? 8 : 0 }
      await send("Input.dispatchKeyEvent", { type: "keyDown", ...event, ...(key === "Enter" ? { text: "\r" } : {}) })
      await send("Input.dispatchKeyEvent", { type: "keyUp", ...event })
    },
    size: (width, height) =>
      send<void>("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false }),
    scheme: (scheme) =>
      send<void>("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] }),
    picture: async () =>
      Buffer.from((await send<{ readonly data: string }>("Page.captureScreenshot", { format: "png" })).data, "base64"),
    async [Symbol.asyncDispose]() {
      sessionId = undefined
      send("Browser.close").catch(() => {})
      await ended
      await closed(child)
      fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    }
  }
}

const wordsOf = ({ exception, text }: Thrown): string => exception?.description ?? text

/** Processes of its own hold its output for as long as they live. */
const closed = async (child: ChildProcess): Promise<void> => {
  if (child.stderr !== null && !child.stderr.closed) await once(child.stderr, "close")
}
