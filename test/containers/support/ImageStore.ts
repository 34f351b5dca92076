/**
 * Images built by Debian's buildah from our Dockerfiles, in a store of the test's own. Without a daemon, and without a registry of images: in the
 * place of `node:…-bookworm-slim` there is an image with the same Node, npm, a shell with its small programs, and the user `node`.
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { cleanEnvironment, run } from "../../packaging/Tarballs.ts"

/** What is read of the config of an image, as Docker writes it. */
export interface ImageConfig {
  readonly User: string
  readonly Env: ReadonlyArray<string>
  readonly Entrypoint: ReadonlyArray<string>
  readonly Cmd?: ReadonlyArray<string>
  readonly WorkingDir: string
  readonly Volumes?: Readonly<Record<string, object>>
  readonly Healthcheck: { readonly Test: ReadonlyArray<string> }
}

export interface Image {
  readonly config: ImageConfig
  /** Its files, where they are mounted. */
  readonly root: string
}

/** The npm of this machine, wherever its Node is. */
const npmFolder = (): string => {
  const folders = (process.env["PATH"] ?? "").split(Path.delimiter)
  const npm = folders.map((folder) => Path.join(folder, "npm")).find((path) => Fs.existsSync(path))
  if (npm === undefined) throw new Error("there is no npm on the PATH")
  return Path.resolve(Fs.realpathSync(npm), "../..")
}

/** Those that this machine trusts. */
const certificates = "/etc/ssl/certs/ca-certificates.crt"

export class ImageStore implements Disposable {
  readonly folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "hf-images-"))
  readonly #containers: Array<string> = []

  /** The image that a Dockerfile begins with. */
  base(name: string): void {
    const container = this.#buildah("from", "scratch").trim()
    this.#containers.push(container)
    const root = this.#buildah("mount", container).trim()
    const put = (source: string, target: string): void => {
      Fs.mkdirSync(Path.dirname(Path.join(root, target)), { recursive: true })
      Fs.copyFileSync(source, Path.join(root, target))
    }
    for (const folder of ["dev", "proc", "tmp", "srv", "run", "var/lib", "home/node", "root", "usr/bin", "bin"]) {
      Fs.mkdirSync(Path.join(root, folder), { recursive: true })
    }
    const busybox = "/bin/busybox"
    put(busybox, busybox)
    for (const name of run("/", busybox, "--list").trim().split("\n")) {
      if (name !== "busybox") Fs.symlinkSync(busybox, Path.join(root, "bin", name))
    }
    Fs.symlinkSync("/bin/env", Path.join(root, "usr/bin/env"))
    put(process.execPath, "/usr/local/bin/node")
    for (const library of run("/", "ldd", process.execPath).match(/\/\S+\.so\S*/g) ?? []) put(library, library)
    const modules = "/usr/local/lib/node_modules"
    Fs.cpSync(npmFolder(), Path.join(root, modules, "npm"), { recursive: true })
    Fs.symlinkSync(`${modules}/npm/bin/npm-cli.js`, Path.join(root, "usr/local/bin/npm"))
    put(certificates, certificates)
    Fs.writeFileSync(
      Path.join(root, "etc/passwd"),
      "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000:node:/home/node:/bin/sh\n"
    )
    Fs.writeFileSync(Path.join(root, "etc/group"), "root:x:0:\nnode:x:1000:\n")
    Fs.chownSync(Path.join(root, "home/node"), 1000, 1000)
    Fs.chmodSync(Path.join(root, "tmp"), 0o1777)
    this.#buildah("umount", container)
    const environment = ["PATH=/usr/local/bin:/usr/bin:/bin", `NODE_EXTRA_CA_CERTS=${certificates}`]
    for (const variable of environment) this.#buildah("config", "--env", variable, container)
    this.#buildah("commit", container, name)
  }

  /** Runs every step of a Dockerfile. `tarballs`: a folder that it sees as `/packed`. */
  build(
    context: string,
    { argument, tarballs }: { readonly argument: string; readonly tarballs: string }
  ): Image {
    const name = `localhost/${Path.basename(context)}`
    const npmrc = Path.join(Os.homedir(), ".npmrc")
    const cache = Path.join(Os.homedir(), ".npm")
    const volumes = [
      `${tarballs}:/packed:ro`,
      ...[npmrc, cache].flatMap((path) => Fs.existsSync(path) ? [`${path}:/root/${Path.basename(path)}`] : [])
    ]
    this.#buildah(
      "bud",
      "--format=docker",
      "--pull-never",
      ...volumes.map((volume) => `--volume=${volume}`),
      `--build-arg=${argument}`,
      `--tag=${name}`,
      context
    )
    const container = this.#buildah("from", "--pull-never", name).trim()
    this.#containers.push(container)
    // The shape is buildah's and Docker's.
    const { Docker } = JSON.parse(this.#buildah("inspect", "--type=image", name)) as {
      readonly Docker: { readonly config: ImageConfig }
    }
    return { config: Docker.config, root: this.#buildah("mount", container).trim() }
  }

  [Symbol.dispose](): void {
    for (const container of this.#containers) {
      this.#buildah("umount", container)
      this.#buildah("rm", container)
    }
    spawnSync("umount", [Path.join(this.folder, "store/overlay")])
    Fs.rmSync(this.folder, { recursive: true, force: true })
  }

  #buildah(...words: ReadonlyArray<string>): string {
    const { error, status, stderr, stdout } = spawnSync(
      "buildah",
      ["--root", Path.join(this.folder, "store"), "--runroot", Path.join(this.folder, "run"), ...words],
      {
        encoding: "utf8",
        env: { ...cleanEnvironment(), BUILDAH_ISOLATION: "chroot", TMPDIR: this.folder },
        stdio: ["ignore", "pipe", "pipe"],
        maxBuffer: 64 * 1024 * 1024
      }
    )
    if (status !== 0) throw new Error(`buildah ${words[0]}: ${error?.message ?? `exit ${status}`}\n${stdout}${stderr}`)
    return stdout
  }
}
