/** Debian's Chromium, driven by its own protocol. What it would ask of another machine than this one does not get there, and is counted. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { createInterface } from "node:readline"

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

export interface Tab {
  /** Goes to a page and waits until it is loaded. */
  readonly open: (url: string) => Promise<void>
  /** The value of an expression in the page; a promise is awaited. */
  readonly evaluate: (expression: string) => Promise<unknown>
  /** The width of the screen, and what its user prefers. */
  readonly screen: (width: number, scheme: "dark" | "light") => Promise<void>
  /** Every url that was asked for. */
  readonly requests: ReadonlyArray<string>
}

/** Starts a browser for as long as the work takes. */
export const withTab = async <A>(work: (tab: Tab) => Promise<A>): Promise<A> => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "hf-test-chromium-"))
  const child = spawn("chromium", [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
    `--user-data-dir=${folder}/profile`,
    "about:blank"
  ], { detached: true, env: { ...process.env, HOME: folder, TMPDIR: folder }, stdio: ["ignore", "ignore", "pipe"] })
  const isOver = once(child, "exit")
  try {
    return await work(await tabOf(await browserOf(child.stderr)))
  } finally {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
    await isOver
    Fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

/** The address that the browser says it can be driven at. */
const browserOf = async (stderr: NodeJS.ReadableStream): Promise<string> => {
  let said = ""
  for await (const line of createInterface({ input: stderr })) {
    const url = /^DevTools listening on (ws:\S+)$/.exec(line)?.[1]
    if (url !== undefined) {
      stderr.resume()
      return url
    }
    said += `${line}\n`
  }
  throw new Error(`chromium ended:\n${said}`)
}

const tabOf = async (browser: string): Promise<Tab> => {
  const response = await fetch(`http://${new URL(browser).host}/json/list`)
  // As the protocol says.
  const targets = await response.json() as ReadonlyArray<
    { readonly type: string; readonly webSocketDebuggerUrl: string }
  >
  const page = targets.find(({ type }) => type === "page")
  if (page === undefined) throw new Error("the browser has no page")
  const socket = new WebSocket(page.webSocketDebuggerUrl)
  await once(socket, "open")
  const answers = new Map<number, (message: Message) => void>()
  const listeners = new Map<string, (params: unknown) => void>()
  socket.addEventListener("message", ({ data }) => {
    const message: Message = JSON.parse(String(data))
    if (message.id !== undefined) answers.get(message.id)?.(message)
    else listeners.get(message.method ?? "")?.(message.params)
  })
  let count = 0
  const send = (method: string, params: object = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = ++count
      answers.set(id, ({ error, result }) => {
        answers.delete(id)
        if (error === undefined) resolve(result)
        else reject(new Error(`${method}: ${error.message}`))
      })
      socket.send(JSON.stringify({ id, method, params }))
    })
  const requests: Array<string> = []
  listeners.set("Network.requestWillBeSent", (params) => {
    // As the protocol says.
    requests.push((params as { readonly request: { readonly url: string } }).request.url)
  })
  for (const domain of ["Page", "Runtime", "Network"]) await send(`${domain}.enable`)
  return {
    requests,
    open: async (url) => {
      const loaded = new Promise<void>((resolve) => listeners.set("Page.loadEventFired", () => resolve()))
      await send("Page.navigate", { url })
      await loaded
    },
    evaluate: async (expression) => {
      const { exceptionDetails, result } = await send("Runtime.evaluate", {
        expression,
        awaitPromise: true,
        returnByValue: true
      }) as {
        readonly result: { readonly value?: unknown }
        readonly exceptionDetails?: { readonly text: string; readonly exception?: { readonly description?: string } }
      }
      if (exceptionDetails !== undefined) {
        throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
      }
      return result.value
    },
    screen: async (width, scheme) => {
      await send("Emulation.setDeviceMetricsOverride", {
        width,
        height: 900,
        deviceScaleFactor: 1,
        mobile: width < 600
      })
      await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] })
    }
  }
}
