//! Real `/proc/PID/cgroup` lines and `/proc/PID/mountinfo` lines of containers, as they stand in bug
//! reports, documentation and tests of public projects.

/// Lines of a `/proc/PID/cgroup`.
pub(super) struct Cgroup {
    /// What it is a sample of.
    pub of: &'static str,
    pub text: &'static str,
    pub uid: Option<&'static str>,
    pub container_id: Option<&'static str>,
}

/// Lines of a `/proc/PID/mountinfo`.
pub(super) struct Mounts {
    /// What it is a sample of.
    pub of: &'static str,
    pub text: &'static str,
    pub uid: &'static str,
    pub container: Option<&'static str>,
}

pub(super) const CGROUPS: &[Cgroup] = &[
    Cgroup {
        of: "containerd, v2, systemd",
        text: "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7bd1a2a3_0861_4fe1_be78_9c76385b3dc0.slice/cri-containerd-1579a01cfce4b1e74529c17bed485d86b871b58f13348c773076b101df4ff62d.scope\n",
        uid: Some("7bd1a2a3-0861-4fe1-be78-9c76385b3dc0"),
        container_id: Some("1579a01cfce4b1e74529c17bed485d86b871b58f13348c773076b101df4ff62d"),
    },
    Cgroup {
        of: "containerd, v1, systemd",
        text: "5:cpu,cpuacct:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod98005c3b_b650_4efe_8b91_2164d784397f.slice/cri-containerd-e8ac3efec3322d7f13cfa0cdee4344754d01bd4e50fea44e0753e83fdb74cab3.scope\n",
        uid: Some("98005c3b-b650-4efe-8b91-2164d784397f"),
        container_id: Some("e8ac3efec3322d7f13cfa0cdee4344754d01bd4e50fea44e0753e83fdb74cab3"),
    },
    Cgroup {
        of: "containerd, v1, the kubelet with systemd and containerd without",
        text: "12:cpu,cpuacct:/system.slice/containerd.service/kubepods-besteffort-podb41662f7_b03a_4c65_8ef9_6e4e55c3cf27.slice:cri-containerd:1753b7cbbf62734d812936961224d5bc0cf8f45214e0d5cdd1a781a053e7c48f\n",
        uid: Some("b41662f7-b03a-4c65-8ef9-6e4e55c3cf27"),
        container_id: Some("1753b7cbbf62734d812936961224d5bc0cf8f45214e0d5cdd1a781a053e7c48f"),
    },
    Cgroup {
        of: "containerd, v1, cgroupfs",
        text: "12:rdma:/\n11:memory:/kubepods/burstable/pod15513b48-e7a5-48fc-b9e3-92f713f36504/a51a9f7d073f848e7fc59e56e8f11524f330a2175a4ed26327da2dfe0d28015f\n10:hugetlb:/kubepods/burstable/pod15513b48-e7a5-48fc-b9e3-92f713f36504/a51a9f7d073f848e7fc59e56e8f11524f330a2175a4ed26327da2dfe0d28015f\n",
        uid: Some("15513b48-e7a5-48fc-b9e3-92f713f36504"),
        container_id: Some("a51a9f7d073f848e7fc59e56e8f11524f330a2175a4ed26327da2dfe0d28015f"),
    },
    Cgroup {
        of: "CRI-O, v2, systemd",
        text: "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod69349abe_d645_11ea_9c4c_08002709c05c.slice/crio-80d85a3a585f1575028ebe468d83093c301eda20d37d1671ff2a0be50fc0e460.scope\n",
        uid: Some("69349abe-d645-11ea-9c4c-08002709c05c"),
        container_id: Some("80d85a3a585f1575028ebe468d83093c301eda20d37d1671ff2a0be50fc0e460"),
    },
    Cgroup {
        of: "CRI-O 1.19 on OpenShift, v1, systemd",
        text: "12:devices:/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod8ca306fa_3c03_47fa_97dd_19979c345572.slice/crio-d6d725b909f37c3e232aadfbafa950a58bfe7baa579ba8c47a12be88bb921607.scope\n",
        uid: Some("8ca306fa-3c03-47fa-97dd-19979c345572"),
        container_id: Some("d6d725b909f37c3e232aadfbafa950a58bfe7baa579ba8c47a12be88bb921607"),
    },
    Cgroup {
        of: "CRI-O on OpenShift, a static pod",
        text: "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pode4e6004e827fdf45941cf777618f60ce.slice/crio-192f5a90b165665d969bb0137b8573f2214c8f75b728ecc58dbbc7fccd64af28.scope\n",
        uid: Some("e4e6004e827fdf45941cf777618f60ce"),
        container_id: Some("192f5a90b165665d969bb0137b8573f2214c8f75b728ecc58dbbc7fccd64af28"),
    },
    Cgroup {
        of: "CRI-O, v2, seen from another cgroup namespace",
        text: "0::/../crio-45490e76e0878aaa4d9808f7d2eefba37f093c3efbba9838b6d8ab804d9bd814.scope\n",
        uid: None,
        container_id: Some("45490e76e0878aaa4d9808f7d2eefba37f093c3efbba9838b6d8ab804d9bd814"),
    },
    Cgroup {
        of: "Docker under Kubernetes, v1, systemd",
        text: "1:name=systemd:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2d3da189_6407_48e3_9ab6_78188d75e609.slice/docker-7b8952daecf4c0e44bbcefe1b5c5ebc7b4839d4eefeccefe694709d3809b6199.scope\n",
        uid: Some("2d3da189-6407-48e3-9ab6-78188d75e609"),
        container_id: Some("7b8952daecf4c0e44bbcefe1b5c5ebc7b4839d4eefeccefe694709d3809b6199"),
    },
    Cgroup {
        of: "Docker under Kubernetes, v1, cgroupfs",
        text: "6:memory:/kubepods/burstable/podfbc202d3-da21-11e8-ab5e-42010a80014b/0a1b22ec1361a97c3511db37a4bae932d41b22264e5b97611748f8b662312574\n",
        uid: Some("fbc202d3-da21-11e8-ab5e-42010a80014b"),
        container_id: Some("0a1b22ec1361a97c3511db37a4bae932d41b22264e5b97611748f8b662312574"),
    },
    Cgroup {
        of: "cgroupfs, seen from another cgroup namespace",
        text: "0::/../../pod2c48913c-b29f-11e7-9350-020968147796/9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961\n",
        uid: Some("2c48913c-b29f-11e7-9350-020968147796"),
        container_id: Some("9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961"),
    },
    Cgroup {
        of: "Docker in a pod of Docker",
        text: "1:name=systemd:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podc9adcee4_c874_4dad_8bc8_accdbd67ac3a.slice/docker-e58cfbc8b67f6e1af458efdd31cb2a8abdbf9f95db64f4c852b701285a09d40e.scope/docker/fb651068cfbd4bf3d45fb092ec9451f8d1a36b3753687bbaa0a9920617eae5b9\n",
        uid: Some("c9adcee4-c874-4dad-8bc8-accdbd67ac3a"),
        container_id: Some("fb651068cfbd4bf3d45fb092ec9451f8d1a36b3753687bbaa0a9920617eae5b9"),
    },
];

pub(super) const MOUNTS: &[Mounts] = &[
    Mounts {
        of: "containerd, v1",
        text: "2645 2626 8:1 /var/lib/kubelet/pods/b34634ea-cd65-4099-bee5-ad4de9264ffb/volumes/kubernetes.io~empty-dir/temp-volume /tmp rw,relatime - ext4 /dev/sda1 rw,commit=30\n\
               2647 2626 8:1 /var/lib/kubelet/pods/b34634ea-cd65-4099-bee5-ad4de9264ffb/etc-hosts /etc/hosts rw,relatime - ext4 /dev/sda1 rw,commit=30\n\
               2648 2628 8:1 /var/lib/kubelet/pods/b34634ea-cd65-4099-bee5-ad4de9264ffb/containers/main/daf3b15a /dev/termination-log rw,relatime - ext4 /dev/sda1 rw,commit=30\n",
        uid: "b34634ea-cd65-4099-bee5-ad4de9264ffb",
        container: Some("main"),
    },
    Mounts {
        of: "containerd, v2",
        text: "7641 7640 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw\n\
               7643 7637 8:1 /var/lib/kubelet/pods/6bcf846c-5fe3-45cb-995f-5d34aa16e4c3/containers/latency-router/fc653337 /dev/termination-log rw,relatime - ext4 /dev/sda1 rw,commit=30\n",
        uid: "6bcf846c-5fe3-45cb-995f-5d34aa16e4c3",
        container: Some("latency-router"),
    },
    Mounts {
        of: "Docker, v2",
        text: "865 857 253:0 /var/lib/kubelet/pods/fd698699-eabf-4c23-92ef-cf0bbdb78261/volumes/kubernetes.io~configmap/typha-ca /typha-ca ro,relatime - ext4 /dev/mapper/ubuntu--vg-ubuntu--lv rw\n\
               867 859 253:0 /var/lib/kubelet/pods/fd698699-eabf-4c23-92ef-cf0bbdb78261/containers/calico-typha/fc4135aa /dev/termination-log rw,relatime - ext4 /dev/mapper/ubuntu--vg-ubuntu--lv rw\n",
        uid: "fd698699-eabf-4c23-92ef-cf0bbdb78261",
        container: Some("calico-typha"),
    },
    Mounts {
        of: "kind in Podman, whose kubelet's folder is a volume",
        text: "3874 3737 252:4 /ostree/deploy/fedora-coreos/var/home/core/.local/share/containers/storage/volumes/443579c837e6de9d2b28c81ff56328e90c168aa99c4f7afa741978c93f4417c0/_data/lib/kubelet/pods/6b2441c4-600b-4c24-95d4-ec2c1d63088b/containers/backend/8504a7c5 /dev/termination-log rw,relatime - xfs /dev/vda4 rw,seclabel,attr2,inode64,logbufs=8,logbsize=32k,prjquota\n",
        uid: "6b2441c4-600b-4c24-95d4-ec2c1d63088b",
        container: Some("backend"),
    },
    Mounts {
        of: "a process of a node, outside of pods",
        text: "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n",
        uid: "6b2441c4-600b-4c24-95d4-ec2c1d63088b",
        container: None,
    },
];
