"""An RTSP server of GStreamer's: ``rtsp_server.py PORT KIND``; run by the system's Python.

It says ``ready`` when it listens.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

SOURCE = "videotestsrc is-live=true pattern=ball"
PIXELS = "video/x-raw,format=I420,width=320,height=240,framerate=25/1"
ENCODERS = {
    "jpeg": "jpegenc ! rtpjpegpay name=pay0",
    "h264": "x264enc tune=zerolatency key-int-max=25 ! rtph264pay name=pay0",
}


def main():
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1])
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {SOURCE} ! {PIXELS} ! {ENCODERS[sys.argv[2]]} )")
    factory.set_shared(True)
    server.get_mount_points().add_factory("/seam", factory)
    if not server.attach(None):
        sys.exit("the port is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()


main()
