# SPDX-License-Identifier: Apache-2.0
#
# What the tables of malformed input have in common, whatever the protocol.


def send_and_see_the_end(wire, octets):
    """Sends the octets and nothing more; whatever is answered, the connection then ends within the time limit."""
    try:
        wire.send(octets)
        wire.socket.shutdown(1)
        while wire.socket.recv(1 << 16):
            pass
    except (ConnectionResetError, BrokenPipeError):
        pass
    except OSError as error:
        if "not connected" not in str(error):
            raise
    finally:
        wire.close()
