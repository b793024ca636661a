"""The machine's own apt sources, as they are found on real machines (host names replaced)."""

import pytest

from ivr.apt_sources import NoOwnSources, own_sources, parse_deb822, parse_one_line, render, with_suite

DEBIAN_12 = """\
Types: deb
# a comment between the fields
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm
Components: main
"""
CLOUD_IMAGE = """\
Types: deb deb-src
URIs: mirror+file:///etc/apt/mirrors/debian.list
Suites: bookworm bookworm-updates
Components: main
"""
UBUNTU_24 = """\
Types: deb
URIs: http://archive.example/ubuntu/
Suites: noble noble-updates noble-backports
Components: main universe restricted multiverse
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg
"""
EMBEDDED_KEY = """\
Types: deb
URIs: https://corp.example/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBFit5IEBEADDt86QpYKz
 -----END PGP PUBLIC KEY BLOCK-----
"""
OLD_STYLE = """\
# deb cdrom:[Debian GNU/Linux 12 _Bookworm_]/ bookworm main
deb cdrom:[Debian GNU/Linux 12 _Bookworm_]/ bookworm main
deb http://mirror.example/debian bookworm main contrib # the main one
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg \
check-valid-until=no] http://snap.example/archive/debian/20250520T000000Z bookworm main
deb http://mirror.example/debian-security bookworm-security main
"""
THIRD_PARTIES = """\
deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] https://download.example/linux/debian bookworm stable
deb [signed-by=/etc/apt/keyrings/nodesource.gpg] https://deb.example/node_20.x nodistro main
deb [signed-by=/usr/share/keyrings/pgdg.gpg] http://apt.example/pub/repos/apt bookworm-pgdg main
deb [signed-by=/usr/share/keyrings/vendor.gpg] https://apt.vendor.example bookworm main
deb https://packages.example/debian/12/prod bookworm main
deb http://flat.example/repo ./
"""


def test_debian_sources_are_cut_to_release_updates_and_security() -> None:
    own = own_sources(parse_deb822(DEBIAN_12), "bookworm")
    assert [s.suites for s in own] == [("bookworm", "bookworm-updates"), ("bookworm-security",)]
    assert own[0].options == {"Signed-By": "/usr/share/keyrings/debian-archive-keyring.gpg"}


def test_another_suite_is_read_from_the_release_archive_only() -> None:
    changed = with_suite(own_sources(parse_deb822(DEBIAN_12), "bookworm"), "forky")
    assert render(changed) == (
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: forky\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def test_cloud_images_with_a_list_of_mirrors_are_understood() -> None:
    assert with_suite(own_sources(parse_deb822(CLOUD_IMAGE), "bookworm"), "forky")[0].uris == (
        "mirror+file:///etc/apt/mirrors/debian.list",
    )


def test_ubuntu_keeps_universe_where_asterisk_lies() -> None:
    own = own_sources(parse_deb822(UBUNTU_24), "noble")
    assert own[0].suites == ("noble", "noble-updates")
    assert "universe" in own[0].components


def test_key_inside_the_file_survives_the_round_trip() -> None:
    own = own_sources(parse_deb822(EMBEDDED_KEY), "bookworm")
    assert parse_deb822(render(own)) == own
    assert "BEGIN PGP" in own[0].options["Signed-By"]


def test_one_line_sources_keep_their_options() -> None:
    own = own_sources(parse_one_line(OLD_STYLE), "bookworm")
    assert [s.uris[0].rsplit("/", 1)[1] for s in own] == ["debian", "20250520T000000Z", "debian-security"]
    assert own[0].components == ("main", "contrib")
    assert own[1].options["Check-Valid-Until"] == "no"


def test_third_parties_never_decide_what_is_unpacked() -> None:
    assert len(parse_one_line(THIRD_PARTIES)) == 6
    assert own_sources(parse_one_line(THIRD_PARTIES), "bookworm") == []


def test_machine_without_own_sources_is_told_where_to_put_one() -> None:
    with pytest.raises(NoOwnSources, match=r"sources\.list"):
        with_suite([], "forky")
