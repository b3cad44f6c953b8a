"""The one generator, its drivers, its identity paths and its adversary."""

from pdfgc.generator.discriminator import Discriminator, Judgement
from pdfgc.generator.drivers import CodesDriver, Driven, FeatureDriver
from pdfgc.generator.generator import Generated, Generator
from pdfgc.generator.identity import Flow
from pdfgc.generator.modulated import ModulatedGenerator

__all__ = [
    "CodesDriver",
    "Discriminator",
    "Driven",
    "FeatureDriver",
    "Flow",
    "Generated",
    "Generator",
    "Judgement",
    "ModulatedGenerator",
]
