"""Metadata and dependencies; the settings of the tools are in pyproject.toml."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(
    r'__version__ = "(.+)"', (HERE / "kerasos" / "version.py").read_text("utf-8")
).group(1)

TENSORBOARD = "tensorboard>=2.20,<3"
BENCHMARKS = ["markdown-it-py>=3,<5", "threadpoolctl>=3.5,<4"]

setup(
    name="kerasos",
    version=VERSION,
    description="Deep oversampling for imbalanced classification, on Keras 3",
    long_description=(HERE / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    packages=find_packages(include=["kerasos", "kerasos.*"]),
    package_data={"kerasos": ["py.typed"]},
    # Beside the package: `kerasos --help` does not wait for TensorFlow.
    py_modules=["kerasos_command"],
    entry_points={"console_scripts": ["kerasos = kerasos_command:main"]},
    python_requires=">=3.11",
    install_requires=[
        "absl-py>=2.1,<3",
        "h5py>=3.11,<4",
        "imbalanced-learn>=0.14,<1",
        # tensorflow-datasets uses it without asking for it.
        "importlib_resources>=6",
        "joblib>=1.4,<2",
        "keras>=3.13,<4",
        "matplotlib>=3.9,<4",
        "networkx>=3.2,<4",
        "numpy>=2,<3",
        "pandas>=2.2,<4",
        "scikit-learn>=1.6,<2",
        "scipy>=1.13,<2",
        # tensorflow-probability uses distutils, which Python 3.12 left out.
        'setuptools; python_version >= "3.12"',
        "tensorflow>=2.21,<3",
        "tensorflow-datasets>=4.9.9,<5",
        "tensorflow-probability>=0.25,<1",
        # tensorflow-probability runs on it without asking for it.
        "tf-keras>=2.21,<3",
        "tqdm>=4.66,<5",
    ],
    extras_require={
        "benchmarks": BENCHMARKS,
        "dask": ["dask>=2024.12", "distributed>=2024.12"],
        "docs": [
            "myst-parser>=4,<6",
            "pydata-sphinx-theme>=0.16,<1",
            "sphinx>=8.2,<10",
            "sphinx-gallery>=0.19,<1",
        ],
        "examples": [TENSORBOARD],  # `--tensorboard_dir` of the training scripts
        # It asks for protobuf below 7, with which TensorFlow 2.21 works, too.
        "mlserver": ["mlserver>=1.7,<2"],
        "onnx": ["onnx>=1.17,<2", "onnxruntime>=1.20,<2", "tf2onnx>=1.16,<2"],
        "ray": ["ray[train]>=2.40,<3"],
        "serving": ["tensorflow-serving-api>=2.19,<3"],
        "tensorboard": [TENSORBOARD],
        "test": [
            "mypy>=2,<3",
            "pillow>=10",
            "pytest>=8,<10",
            "pytest-xdist>=3.6,<4",
            "ruff>=0.17.5,<0.18",
            *BENCHMARKS,
        ],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
