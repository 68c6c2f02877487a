"""Two peer connections of aiortc that may use nothing but a relay exchange messages over a data channel.

aiortc_relay.py TURN_URL USERNAME PASSWORD

Prints how many messages came back.
"""

import asyncio
import ssl
import sys

import aiortc.rtcicetransport
from aioice.ice import TransportPolicy
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

MESSAGES = 50
PATIENCE_S = 60


def relayed_alone(of_servers):
    """What a connection is made with: as it would be, and without candidates of any other kind."""

    def with_relay_policy(servers):
        arguments = of_servers(servers)
        if arguments.get("turn_ssl"):
            # The certificate is what browsers look at; here it is made by the server itself.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            arguments["turn_ssl"] = context
        return {**arguments, "transport_policy": TransportPolicy.RELAY}

    return with_relay_policy


async def exchange(configuration):
    offerer, answerer = RTCPeerConnection(configuration), RTCPeerConnection(configuration)
    channel = offerer.createDataChannel("messages")
    returned = []
    done = asyncio.Event()

    @answerer.on("datachannel")
    def on_channel(other):
        other.on("message", other.send)

    @channel.on("open")
    def on_open():
        for number in range(MESSAGES):
            channel.send(f"{number}" + "x" * 1000)

    @channel.on("message")
    def on_message(message):
        returned.append(message)
        if len(returned) == MESSAGES:
            done.set()

    await offerer.setLocalDescription(await offerer.createOffer())
    await answerer.setRemoteDescription(offerer.localDescription)
    await answerer.setLocalDescription(await answerer.createAnswer())
    await offerer.setRemoteDescription(answerer.localDescription)
    await asyncio.wait_for(done.wait(), PATIENCE_S)
    await offerer.close()
    await answerer.close()
    return len(returned)


def main():
    url, username, password = sys.argv[1:]
    aiortc.rtcicetransport.connection_kwargs = relayed_alone(aiortc.rtcicetransport.connection_kwargs)
    server = RTCIceServer(urls=[url], username=username, credential=password)
    print(asyncio.run(exchange(RTCConfiguration(iceServers=[server]))))


main()
