/**
 * `pnpm test:system`: tests that need what npm does not have. On Debian, as root, the missing packages are installed first; elsewhere
 * it says what to install, and fails. No service is started by it: the tests start what they need themselves. Where systemd runs, Debian
 * has the services of what it installed started at the next boot, unless they are disabled.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"

interface Need {
  readonly package: string
  readonly isThere: () => boolean
}

const onPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(path.delimiter).some((folder) => fs.existsSync(path.join(folder, program)))

const needs: ReadonlyArray<Need> = [
  {
    package: "postgresql",
    isThere: () =>
      onPath("initdb") || (fs.existsSync("/usr/lib/postgresql") && fs.readdirSync("/usr/lib/postgresql").length > 0)
  },
  // Their folder is not on the `PATH` of everybody.
  { package: "pgbouncer", isThere: () => onPath("pgbouncer") || fs.existsSync("/usr/sbin/pgbouncer") },
  { package: "nginx", isThere: () => onPath("nginx") || fs.existsSync("/usr/sbin/nginx") },
  { package: "haproxy", isThere: () => onPath("haproxy") || fs.existsSync("/usr/sbin/haproxy") },
  { package: "openssl", isThere: () => onPath("openssl") },
  { package: "prometheus", isThere: () => onPath("prometheus") && onPath("promtool") },
  { package: "kubernetes-client", isThere: () => onPath("kubectl") },
  { package: "ansible-core", isThere: () => onPath("ansible-playbook") },
  { package: "chromium", isThere: () => onPath("chromium") },
  // Images are built and run without a daemon.
  { package: "buildah", isThere: () => onPath("buildah") },
  { package: "busybox-static", isThere: () => fs.existsSync("/bin/busybox") },
  { package: "zsh", isThere: () => onPath("zsh") },
  { package: "fish", isThere: () => onPath("fish") }
]

const run = (command: string, args: ReadonlyArray<string>): boolean =>
  spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"] }).status === 0

/** Debian asks this file whether a package may start its service. One that is there already is its owner's decision. */
const policy = "/usr/sbin/policy-rc.d"
const withoutServices = (install: () => boolean): boolean => {
  if (fs.existsSync(policy)) return install()
  // Whoever interrupts the installation interrupts apt-get; the file is removed all the same.
  const goOn = () => undefined
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, goOn)
  try {
    fs.writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 })
    return install()
  } finally {
    fs.rmSync(policy, { force: true })
    for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, goOn)
  }
}

const missing = needs.filter(({ isThere }) => !isThere()).map((need) => need.package)
if (missing.length > 0 && process.getuid?.() === 0 && onPath("apt-get")) {
  console.log(`installing ${missing.join(", ")}`)
  if (
    !run("apt-get", ["update", "-qq"]) ||
    !withoutServices(() => run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...missing]))
  ) {
    console.error(`could not install ${missing.join(", ")}`)
  }
}
const left = needs.filter(({ isThere }) => !isThere()).map((need) => need.package)
if (left.length > 0) {
  console.error(`missing: ${left.join(", ")}. On Debian: sudo apt-get install ${left.join(" ")}`)
  console.log(`0 passed, ${left.length} failed`)
  process.exitCode = 1
} else {
  process.exitCode = run("vitest", ["run", "--project", "system", ...process.argv.slice(2)]) ? 0 : 1
}
