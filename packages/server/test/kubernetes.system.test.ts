/**
 * The manifests for Kubernetes in `docs/replicas.md`: read by its own client, and held against the server that the document shows, which
 * runs and is probed as they say. No cluster runs them.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Debian from "./support/debianProgram.ts"
import * as DocumentedServer from "./support/documentedServer.ts"
import { blockWith, pageOf } from "./support/documentExample.ts"
import { until } from "./support/eventually.ts"
import * as Kubernetes from "./support/kubernetes.ts"

const objects = Kubernetes.objects()
// These three are what was declared for them, or the test fails at what it looks for.
const deployment = objects["Deployment"] as Kubernetes.Deployment
const service = objects["Service"] as Kubernetes.Service
const ingress = objects["Ingress"] as Kubernetes.Ingress

const pod = deployment.spec.template.spec
const [container] = pod.containers
if (container === undefined) throw new Error("docs/replicas.md has no container")

/** What the server of the document says of itself. */
const said = (pattern: RegExp): string => pattern.exec(DocumentedServer.text)?.[1] ?? `nothing like ${pattern}`

/** The status of a probe, asked as a kubelet asks: of the address of the pod, by that address. */
const probe = (server: { readonly address: string; readonly adminPort: number }, { httpGet }: Kubernetes.Probe) =>
  Debian.statusOf(`http://${server.address.split(":")[0]}:${server.adminPort}${httpGet.path}`)

describe("the manifests of docs/replicas.md", () => {
  it("are what Kubernetes takes, every field of a Deployment and a Service known to it", () => {
    assert.sameMembers(Object.keys(objects), ["Deployment", "Service", "Ingress"])
    assertPartOf(deployment, Kubernetes.understood("Deployment", deployment))
    assertPartOf(service, Kubernetes.understood("Service", service))
    // That a field it does not know is seen, and a value that is none.
    const wrong = JSON.stringify(deployment).replace("periodSeconds", "periodSecond")
    assert.throws(
      () => assertPartOf(JSON.parse(wrong), Kubernetes.understood("Deployment", JSON.parse(wrong))),
      /periodSecond/
    )
    const none = JSON.stringify(deployment).replace("\"containerPort\":8080", "\"containerPort\":\"mcp\"")
    assert.throws(() => Kubernetes.understood("Deployment", JSON.parse(none)), /containerPort/)
  })

  it("name the ports, the names and the secrets of the server that the document shows, and each other", () => {
    assert.deepStrictEqual(container.ports.map(({ containerPort, name }) => [name, containerPort]), [
      ["mcp", Number(said(/^ {2}port: (\d+)/m))],
      ["admin", Number(said(/^ {4}port: (\d+)/m))]
    ])
    const secrets = [...DocumentedServer.text.matchAll(/Config\.Redacted\("(\w+)"\)/g)].map(([, name]) => name)
    assert.sameMembers(container.env.map(({ name }) => name), secrets)
    for (const { httpGet } of [container.readinessProbe, container.livenessProbe]) {
      assert.strictEqual(httpGet.port, "admin")
      // By the pod's address: a kubelet can say another name, but need not.
      assert.isUndefined(httpGet.httpHeaders)
    }
    assert.deepStrictEqual(service.spec.ports.map(({ targetPort }) => targetPort), ["mcp"])
    assert.deepStrictEqual(service.spec.selector, deployment.spec.template.metadata.labels)
    assert.deepStrictEqual(service.spec.selector, deployment.spec.selector.matchLabels)
    const [path] = ingress.spec.rules[0]?.http.paths ?? []
    assert.deepStrictEqual([path?.path, path?.pathType], ["/mcp", "Prefix"])
    assert.deepStrictEqual(path?.backend.service, { name: service.metadata.name, port: { name: "mcp" } })
  })

  it("give a drain the time it may take, and say to the ingress what the file for nginx says", () => {
    // What is no duration is refused here, as the server would refuse it.
    const drain = Duration.toSeconds(Duration.fromInputUnsafe(said(/drainTimeout: "(.+?)"/) as Duration.Input))
    assert.isAtLeast(pod.terminationGracePeriodSeconds, drain + 2)
    const nginx = blockWith(pageOf("replicas.md"), "nginx", "sticky learn")
    const directive = (name: string): string => new RegExp(`${name} (.+?);`).exec(nginx)?.[1] ?? ""
    const prefix = "nginx.ingress.kubernetes.io/"
    assert.deepStrictEqual(ingress.metadata.annotations, {
      [`${prefix}upstream-hash-by`]: "$http_authorization",
      [`${prefix}proxy-buffering`]: directive("proxy_buffering"),
      [`${prefix}proxy-read-timeout`]: String(Number(directive("proxy_read_timeout").replace("h", "")) * 3600),
      [`${prefix}proxy-body-size`]: directive("client_max_body_size")
    })
  })

  it.live("probe that server rightly: 200, not ready while it drains, and after SIGTERM it is gone in time, in order", () =>
    Effect.gen(function*() {
      assert.strictEqual(container.command[0], "node")
      // An address that is no name of loopback, and that the server does not know: that of a pod.
      const server = yield* DocumentedServer.start("127.0.0.2", "10.0.0.11")
      const { livenessProbe, readinessProbe } = container
      assert.deepStrictEqual([yield* probe(server, readinessProbe), yield* probe(server, livenessProbe)], [200, 200])
      assert.strictEqual(yield* Debian.statusOf(`http://127.0.0.2:${server.adminPort}/sessions`), 403)
      assert.strictEqual(yield* Debian.statusOf(`${new URL(server.url).origin}/mcp`), 401)
      assert.strictEqual(yield* Debian.statusOf(`${new URL(server.url).origin}/other`), 404)

      const operator = { host: "10.0.0.11", authorization: `Bearer ${DocumentedServer.tokens.operator}` }
      const drain = Debian.statusOf(`http://127.0.0.2:${server.adminPort}/drain`, operator, "POST")
      assert.strictEqual(yield* drain, 202)
      yield* until("it is not ready", probe(server, readinessProbe), (status) => status === 503)
      assert.strictEqual(yield* probe(server, livenessProbe), 200)
      yield* server.kill("SIGTERM")
      const grace = `${pod.terminationGracePeriodSeconds} seconds` as const
      const code = yield* server.exit.pipe(
        Effect.timeoutOrElse({ duration: grace, orElse: () => Effect.die(new Error("it is killed")) })
      )
      assert.strictEqual(code, 0)
      assert.strictEqual(yield* probe(server, livenessProbe), 0)
    }))
})

/** Every field of the one is in the other, with the same value. */
const assertPartOf = (part: unknown, whole: unknown, place = ""): void => {
  if (typeof part !== "object" || part === null) return assert.strictEqual(whole, part, place)
  for (const [key, value] of Object.entries(part)) {
    const of: unknown = typeof whole === "object" && whole !== null && key in whole
      ? Reflect.get(whole, key)
      : undefined
    assertPartOf(value, of, `${place}/${key}`)
  }
}
