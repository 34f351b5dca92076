#!/usr/bin/python
"""A module of the shape that seed 3 tells of: it starts a server over stdio, says hello, calls one tool, and ends it."""
import json
import subprocess

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(
        argument_spec=dict(
            server_command=dict(type="str", required=True),
            server_args=dict(type="list", elements="str", default=[]),
            tool_name=dict(type="str", required=True),
            tool_arguments=dict(type="dict", default={}),
        )
    )
    server = subprocess.Popen(
        [module.params["server_command"]] + module.params["server_args"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def send(**message):
        server.stdin.write(json.dumps(dict(message, jsonrpc="2.0")) + "\n")
        server.stdin.flush()

    def ask(id, method, **params):
        send(id=id, method=method, params=params)
        for line in server.stdout:
            answer = json.loads(line)
            if answer.get("id") == id:
                return answer
        module.fail_json(msg="the server has closed its stdout")

    client = dict(name="mcp_test_tool", version="1")
    ask(1, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=client)
    send(method="notifications/initialized")
    answer = ask(2, "tools/call", name=module.params["tool_name"], arguments=module.params["tool_arguments"])
    server.stdin.close()
    server.wait()
    if "result" not in answer:
        module.fail_json(msg=json.dumps(answer))
    module.exit_json(changed=False, text=answer["result"]["content"][0]["text"])


main()
