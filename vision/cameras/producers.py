"""GenTL producers: each is loaded once in a process, and shared by the cameras that it reaches."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from vision.cameras.abc import CameraError

MISSING = "Camera {}: GenICam needs harvesters; install Seamline with the extra genicam."


class Producer:
    """One producer, loaded; its devices are listed when it is, and again for one that is not among them.

    Raises
    ------
    CameraError
        It is not there, or the extra is not installed.
    """

    def __init__(self, file: Path, camera: str) -> None:
        try:
            from harvesters.core import Harvester
        except ImportError as exc:
            raise CameraError(MISSING.format(camera)) from exc
        if not file.is_file():
            raise CameraError(
                f"Camera {camera}: the producer {file} is not there; install the camera's driver."
            )
        self.file = file
        self.users = 0
        self._listing = threading.Lock()
        self._harvester: Any = Harvester()
        self._harvester.add_file(str(file))
        self._harvester.update()

    def open(self, device: str | None, camera: str) -> Any:
        """Return what takes the pictures of a device, for this process alone.

        Raises
        ------
        CameraError
            There is no such device, or another process has it.
        """
        with self._listing:
            found = self._find(device)
            if not found:
                self._look_again()
                found = self._find(device)
        if len(found) != 1:
            there = (
                ", ".join(sorted(info.serial_number for info in self._harvester.device_info_list)) or "none"
            )
            what = "no device" if not found else "more than one device"
            which = "" if device is None else f" {device}"
            raise CameraError(f"Camera {camera}: {self.file.name} reaches {what}{which}; there are: {there}.")
        try:
            return self._harvester.create(found[0])
        except Exception as exc:
            raise CameraError(
                f"Camera {camera}: the device cannot be opened ({exc}); end what else uses it."
            ) from exc

    def _find(self, device: str | None) -> list[Any]:
        return [info for info in self._harvester.device_info_list if device in (None, *names(info))]

    def _look_again(self) -> None:
        """List devices that came since; harvesters' own update would end the cameras that are open."""
        from harvesters.core import DeviceInfo

        known = {info.id_ for info in self._harvester.device_info_list}
        for interface in self._harvester._ifaces:
            try:
                interface.update_device_info_list(self._harvester.timeout_for_update)
                new = [info for info in interface.device_info_list if info.id_ not in known]
            except Exception:  # an interface that went away has no new devices
                continue
            there = [DeviceInfo(module=info, parent=interface) for info in new]
            self._harvester.device_info_list.extend(there)

    def close(self) -> None:
        """Unload it."""
        self._harvester.reset()


class Producers:
    """Load producers when they are first asked for and unload them when nobody uses them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[Path, Producer] = {}

    def get(self, file: Path, camera: str) -> Producer:
        """Return a producer; give it back in the end.

        Raises
        ------
        CameraError
            It cannot be loaded.
        """
        with self._lock:
            producer = self._loaded.get(file) or Producer(file, camera)
            self._loaded[file] = producer
            producer.users += 1
            return producer

    def give_back(self, producer: Producer) -> None:
        """Say that a camera uses it no longer: the next one then finds what devices there are now."""
        with self._lock:
            producer.users -= 1
            if not producer.users:
                del self._loaded[producer.file]
                producer.close()


PRODUCERS = Producers()


def names(info: Any) -> list[str]:
    """Return what a device may be called: serial number, id, name; not every device has all."""
    told = (info.property_dict.get(key) for key in ("serial_number", "id_", "user_defined_name"))
    return [name for name in told if name]
