"""Gravity wells as Gymnasium environments; importing the package registers their ids."""

from gw_envs.registration import register_envs

register_envs()
