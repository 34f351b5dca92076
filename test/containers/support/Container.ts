/**
 * An image that runs as `docker run --read-only` would run it: its user, its environment, its entry point as process 1 of namespaces of its
 * own, without a network but its own loopback, on files that cannot be written but for its volumes and `/tmp`.
 */
import { type ChildProcess, spawn, spawnSync, type SpawnSyncReturns } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { setTimeout } from "node:timers/promises"
import type { Image } from "./ImageStore.ts"

const start = `
set -e
root="$1" volumes="$2" mounts="$3"
shift 3
mount --make-rprivate /
ip link set lo up
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
for volume in $volumes; do mount -t tmpfs -o mode=700,uid=1000,gid=1000 tmpfs "$root$volume"; done
for pair in $mounts; do mount --bind "\${pair%%:*}" "$root\${pair#*:}"; done
mount -o remount,bind,ro "$root"
exec chroot --userspec=1000:1000 "$root" "$@"
`

export class Container implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #image: Image
  readonly #environment: ReadonlyArray<string>
  #output = ""

  /** `mounts`: files and folders of this machine by where the container has them. */
  constructor(
    image: Image,
    options: { readonly env?: ReadonlyArray<string>; readonly mounts?: Readonly<Record<string, string>> } = {}
  ) {
    const { config: { Cmd = [], Entrypoint, Env, Volumes = {}, WorkingDir }, root } = image
    const mounts = Object.entries(options.mounts ?? {})
    for (const [target, source] of mounts) {
      const place = Path.join(root, target)
      Fs.mkdirSync(Fs.statSync(source).isDirectory() ? place : Path.dirname(place), { recursive: true })
      if (!Fs.existsSync(place)) Fs.writeFileSync(place, "")
    }
    this.#image = image
    this.#environment = [...Env, "HOME=/home/node", ...options.env ?? []]
    this.#child = spawn("unshare", [
      "--mount",
      "--pid",
      "--net",
      "--fork",
      "--kill-child",
      "sh",
      "-c",
      start,
      "sh",
      root,
      Object.keys(Volumes).join(" "),
      mounts.map(([target, source]) => `${source}:${target}`).join(" "),
      ...this.#words([...Entrypoint, ...Cmd], WorkingDir)
    ], { stdio: ["ignore", "pipe", "pipe"] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk) => this.#output += String(chunk))
    }
  }

  /** What it has written. */
  output(): string {
    return this.#output
  }

  /** `docker exec`. */
  exec(...words: ReadonlyArray<string>): SpawnSyncReturns<string> {
    const inside = ["--target", String(this.#first()), "--mount", "--pid", "--net", "--root", "--wd=/"]
    const user = ["--setuid", "1000", "--setgid", "1000"]
    const wholly = this.#words(words, this.#image.config.WorkingDir)
    return spawnSync("nsenter", [...inside, ...user, ...wholly], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"]
    })
  }

  /** Waits until what the image says of its health is so. Fails when it has ended before. */
  async healthy(): Promise<void> {
    const [kind, ...words] = this.#image.config.Healthcheck.Test
    if (kind !== "CMD") throw new Error(`the image is asked for its health by ${kind}`)
    await this.until(() => this.#hasBegun() && this.exec(...words).status === 0)
  }

  /** Waits until something is so in it, however long that takes. Fails when it has ended before. */
  async until(isSo: () => boolean): Promise<void> {
    while (this.#child.exitCode === null && this.#child.signalCode === null) {
      if (isSo()) return
      await setTimeout(250)
    }
    throw new Error(`it has ended: ${this.#output}`)
  }

  /** Process 1 is told to end, as by `docker stop`; its exit code. */
  async stop(): Promise<number | null> {
    const ended = once(this.#child, "exit")
    process.kill(this.#first(), "SIGTERM")
    const [code] = await ended
    return code
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, "exit")
    this.#child.kill("SIGKILL")
    await ended
  }

  #words(command: ReadonlyArray<string>, directory: string): ReadonlyArray<string> {
    return ["/bin/env", "-i", ...this.#environment, "/bin/sh", "-c", `cd '${directory}' && exec "$@"`, "sh", ...command]
  }

  #hasBegun(): boolean {
    return this.#children().length > 0 && Fs.readlinkSync(`/proc/${this.#first()}/root`) === this.#image.root
  }

  /** Its process 1, by its number here. */
  #first(): number {
    return Number(this.#children()[0])
  }

  #children(): ReadonlyArray<string> {
    const { pid } = this.#child
    return Fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter((one) => one !== "")
  }
}
